/* What attackers leave in the text of logs. Strings are written so that this file does not match itself in a scan of logs. */

rule webshell_one_liner
{
    meta:
        id = "b0d2b1d2-9f0e-5b59-8a9c-1d4b0a0f9a01"
        description = "A PHP or JSP one-liner that runs what it is sent"
        level = "high"
    strings:
        $php1 = /eval\s*\(\s*(base64_decode|\$_(POST|GET|REQUEST))/ nocase
        $php2 = /(system|passthru|shell_exec|assert)\s*\(\s*\$_(POST|GET|REQUEST|COOKIE)/ nocase
        $jsp = "Runtime.getRuntime().exec(request.getParameter" nocase
    condition:
        any of them
}

rule encoded_powershell
{
    meta:
        id = "b0d2b1d2-9f0e-5b59-8a9c-1d4b0a0f9a02"
        description = "PowerShell with an encoded command"
        level = "high"
    strings:
        // The name and the option in one string each: the option alone is too short to look for.
        $old = /powershell(\.exe)?[^|]{0,200}\s[-\/]e[a-z]{0,14}\s+["']?[A-Za-z0-9+\/]{40}/ nocase
        $new = /pwsh(\.exe)?[^|]{0,200}\s[-\/]e[a-z]{0,14}\s+["']?[A-Za-z0-9+\/]{40}/ nocase
    condition:
        any of them
}

rule jndi_lookup
{
    meta:
        id = "b0d2b1d2-9f0e-5b59-8a9c-1d4b0a0f9a03"
        description = "A JNDI lookup in logged text (CVE-2021-44228 and its disguises)"
        level = "critical"
    strings:
        $plain = /\$\{jndi:(ldap|ldaps|rmi|dns|iiop|http)s?:/ nocase
        $hidden = /\$\{(\$\{[^}]{1,20}\}|[^}]{0,8}){1,10}j[^}]{0,12}n[^}]{0,12}d[^}]{0,12}i[^}]{0,12}:/ nocase
    condition:
        any of them
}

rule reverse_shell
{
    meta:
        id = "b0d2b1d2-9f0e-5b59-8a9c-1d4b0a0f9a04"
        description = "A shell that calls home"
        level = "critical"
    strings:
        $bash = /bash\s+-i\s+>&\s*\/dev\/tcp\// nocase
        $nc = /\bnc(at)?\s+(-[a-z]+\s+)*-e\s+\/bin\/(ba|da|z)?sh/ nocase
        $py = "socket.socket(socket.AF_INET" nocase
        $dup = "os.dup2(" nocase
    condition:
        $bash or $nc or ($py and $dup)
}
