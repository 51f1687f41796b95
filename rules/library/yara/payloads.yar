/* Payloads in requests, command lines and scripts. */

rule php_packed_code
{
    meta:
        id = "8491f3ef-aa76-4332-a4db-0b5ca2ef6f63"
        description = "PHP that unpacks and runs itself"
        level = "high"
    strings:
        $text = /(eval|assert|create_function)\s*\(\s*(gzinflate|gzuncompress|str_rot13|strrev|hex2bin)\s*\(|call_user_func(_array)?\s*\(\s*\$_(POST|GET|REQUEST|COOKIE)/ nocase
    condition:
        $text
}

rule aspx_one_liner
{
    meta:
        id = "335e5068-f423-4bbe-b906-8b9be94fcc41"
        description = "An ASP or ASP.NET one-liner that runs what it is sent"
        level = "high"
    strings:
        $text = /eval\s*\(\s*Request(\.(Item|Form|QueryString))?\s*[\[(]|Execute(Global)?\s*\(?\s*Request\s*\(|Process\.Start\s*\(\s*Request/ nocase
    condition:
        $text
}

rule jsp_class_loader
{
    meta:
        id = "8e831c85-a47a-4216-92a2-ed462ecc74c0"
        description = "JSP that runs or defines what it is sent"
        level = "high"
    strings:
        $exact = /ProcessBuilder\(request\.getParameter|defineClass\(.{0,300}(request\.getParameter\(|BASE64Decoder)/
    condition:
        $exact
}

rule reverse_shell_script
{
    meta:
        id = "eb672146-3bd2-4b58-b653-7086eb301af9"
        description = "A one-liner of a script language that connects a shell to the network"
        level = "critical"
    strings:
        $exact = /perl\s+-e\s+.{0,20}use Socket;|ruby\s+-rsocket\s+-e|php\s+-r\s+.{0,20}fsockopen\(|mkfifo\s+\S{1,60};\s*(cat|nc|telnet)\s|socat\s.{0,80}(exec|EXEC):.{0,4}(\/bin\/)?(ba|da|z)?sh|\/inet\/tcp\/0\/|require\(.child_process.\)\.(exec|spawn)\(.{0,10}(\/bin\/)?(ba)?sh/
    condition:
        $exact
}

rule powershell_in_memory
{
    meta:
        id = "296a40b0-edb1-447d-b934-7535b483a224"
        description = "PowerShell that loads code into memory or blinds the scanner"
        level = "high"
    strings:
        $text = /amsi(InitFailed|Utils|ScanBuffer)|\[(System\.)?Reflection\.Assembly\]::Load\(|VirtualAlloc.{1,400}(CreateThread|Marshal\]::Copy)/ nocase
    condition:
        $text
}

rule encoded_windows_program
{
    meta:
        id = "f0559da1-1dcd-4eac-b1b1-cec8c3ee99f6"
        description = "The beginning of a Windows program in Base64"
        level = "high"
    strings:
        $exact = /TVqQAAMAAAAEAAAA|TVpQAAIAAAAEAA8A|TVoAAAAAAAAAAAAA|TVpBUlVIieVIgewg|VGhpcyBwcm9ncmFtIGNhbm5vdCBiZSBydW4gaW4gRE9TIG1vZGU/
    condition:
        $exact
}

rule encoded_linux_program
{
    meta:
        id = "543b7d53-d503-41b1-b8f3-73788a110a9d"
        description = "The beginning of a Linux program in Base64"
        level = "high"
    strings:
        $exact = /f0VMRgEBAQAAAAAA|f0VMRgIBAQAAAAAA|\\x7fELF\\x02\\x01\\x01/
    condition:
        $exact
}

rule download_into_shell
{
    meta:
        id = "38308ea8-a5d5-48f7-9345-4c5d8471646b"
        description = "Text fetched from the network goes straight into a shell"
        level = "medium"
    strings:
        $exact = /(curl|wget)\s[^|]{0,160}https?:\/\/[^|]{3,200}\|\s*(sudo\s+)?(\/bin\/|\/usr\/bin\/)?(ba|da|z)?sh\b|bash\s+-c\s+.?\$\((curl|wget)\s|bash\s+<\((curl|wget)\s/
    condition:
        $exact
}

rule botnet_dropper
{
    meta:
        id = "71409e77-6380-4e2f-84ba-5ef7d00b6a29"
        description = "Commands by which worms for small devices install themselves"
        level = "high"
    strings:
        $exact = /cd \/tmp\s*(\|\||;)\s*cd \/(var\/run|mnt|root|var)|\/bin\/busybox [A-Z]{4,9}(\s|$|;|")|(wget|tftp|curl)\s[^;]{3,120}\.(mips|mpsl|arm[4-7]|sh4|ppc|m68k)\b/
    condition:
        $exact
}

rule xml_external_entity
{
    meta:
        id = "645da423-326e-48f8-bdab-88d6c0578452"
        description = "XML that makes its reader fetch a file or an address"
        level = "high"
    strings:
        $exact = /<!ENTITY\s{1,4}%?\s{0,4}\w{1,40}\s{1,4}SYSTEM\s{1,4}\\?["\x27](file|https?|ftp|php|expect|gopher):|%3C%21ENTITY/
    condition:
        $exact
}

rule java_serialised_object
{
    meta:
        id = "6d1ea36f-8893-4cf0-a2d6-a8202bf9c7cb"
        description = "A serialised Java object in a request"
        level = "medium"
    strings:
        $exact = /rO0ABXNyA|rO0ABXVyA|aced000573720|org\.apache\.commons\.collections\.functors/
    condition:
        $exact
}

rule template_injection
{
    meta:
        id = "8c2cc310-913b-4346-8058-4db6c2fcf3c2"
        description = "An expression that a template engine of a web application would evaluate"
        level = "medium"
    strings:
        $exact = /__class__\.__mro__|__class__\.__base__|__subclasses__\(\)|__globals__|\{\{7\*7\}\}|\$\{7\*7\}|\{\{\s{0,3}config\.(items|__)/
    condition:
        $exact
}

rule shellshock
{
    meta:
        id = "2fa0e467-7041-4850-b648-2f02d96fe1a7"
        description = "A function definition that old versions of bash run on (CVE-2014-6271)"
        level = "high"
    strings:
        $exact = /\(\) \{ ?:; ?\} ?;|\(\) \{ ?_; ?\} ?>_\[\$\(\$\(\)\)\]/
    condition:
        $exact
}

rule directory_injection
{
    meta:
        id = "3ec8efbc-9852-4489-85f7-db7b31f3f5a1"
        description = "A filter that widens a search in a directory"
        level = "medium"
    strings:
        $text = /\*\)\((uid|cn|mail|objectClass|userPassword)=\*/ nocase
        $exact = /\)\(\|\(|\*\)\(&/
    condition:
        $text or $exact
}

rule header_injection
{
    meta:
        id = "cfbaa772-b066-4ee8-ac31-7e9240586be1"
        description = "A line break in a request that adds a header to the answer"
        level = "medium"
    strings:
        $text = /%0d%0a(Set-Cookie|Location|Content-Type|X-[A-Za-z-]{2,30})(:|%3a)|%E5%98%8A%E5%98%8D(Set-Cookie|Location)/ nocase
    condition:
        $text
}
