/* What attackers leave in the text of logs. Strings are written so that this file does not match itself in a scan of logs.
 * What one rule looks for stands in one string where it can: the conditions of all rules are evaluated for every line, and each
 * string that they name costs. */

rule webshell_one_liner
{
    meta:
        id = "b0d2b1d2-9f0e-5b59-8a9c-1d4b0a0f9a01"
        description = "A PHP or JSP one-liner that runs what it is sent"
        level = "high"
    strings:
        $text = /eval\s*\(\s*(base64_decode|\$_(POST|GET|REQUEST))|(system|passthru|shell_exec|assert)\s*\(\s*\$_(POST|GET|REQUEST|COOKIE)|Runtime\.getRuntime\(\)\.exec\(request\.getParameter/ nocase
    condition:
        $text
}

rule encoded_powershell
{
    meta:
        id = "b0d2b1d2-9f0e-5b59-8a9c-1d4b0a0f9a02"
        description = "PowerShell with an encoded command"
        level = "high"
    strings:
        // The name and the option in one string each: the option alone is too short to look for.
        $text = /(powershell|pwsh)(\.exe)?[^|]{0,200}\s[-\/]e[a-z]{0,14}\s+["']?[A-Za-z0-9+\/]{40}/ nocase
    condition:
        $text
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
        $text = /bash\s+-i\s+>&\s*\/dev\/tcp\/|\bnc(at)?\s+(-[a-z]+\s+)*-e\s+\/bin\/(ba|da|z)?sh|socket\.socket\(socket\.AF_INET.{1,600}os\.dup2\(/
    condition:
        $text
}
