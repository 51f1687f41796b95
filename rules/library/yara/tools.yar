/* Tools of attackers, and what they leave behind: by the words that they write. */

rule password_dumper
{
    meta:
        id = "4ea7a856-f051-4b85-8eb7-f3ceac0a701c"
        description = "Commands or output of tools that read passwords out of Windows"
        level = "critical"
    strings:
        $exact = /\b(sekurlsa|lsadump|kerberos|crypto|vault)::(logonpasswords|sam|dcsync|lsa|secrets|golden|ptt|list|msv|wdigest|minidump|tickets)|privilege::debug|gentilkiwi|\* NTLM\s{1,8}: [0-9a-f]{32}/
    condition:
        $exact
}

rule remote_execution_tools
{
    meta:
        id = "309f5ce7-8fac-4b69-8edf-9a251449d00b"
        description = "Names of public tools for attacks in Windows networks"
        level = "high"
    strings:
        $exact = /\b(secretsdump|wmiexec|smbexec|psexec|atexec|dcomexec|ntlmrelayx|GetUserSPNs|GetNPUsers|ticketer)\.py\b|\b(crackmapexec|netexec|evil-winrm|bloodhound-python|kerbrute|ldapdomaindump)\b|\b(SharpHound|Rubeus|Seatbelt|SharpUp|Certify|PowerView|Inveigh|LaZagne)(\.exe|\.ps1)\b|Responder\.py -I/
    condition:
        $exact
}

rule attack_framework
{
    meta:
        id = "f0c56fb3-4cdd-4c87-8a8a-2803ee6a855a"
        description = "Default names of frameworks for remote control"
        level = "high"
    strings:
        $exact = /\\(MSSE-[0-9]{1,5}-server|postex_[0-9a-f]{4}|msagent_[0-9a-f]{2}|status_[0-9a-f]{2})\b|ReflectiveLoader|\/submit\.php\?id=[0-9]{4,10}\b|metsrv\.dll|windows\/meterpreter\/reverse_|linux\/x64\/meterpreter|sliverpb\./
    condition:
        $exact
}

rule web_shell_tools
{
    meta:
        id = "6402d039-0a55-4b1f-a86a-05287e06c967"
        description = "Names that public web shells and their clients write"
        level = "high"
    strings:
        $exact = /b374k|c99shell|r57shell|FilesMan|antSword\/v|weevely|p0wny@shell|WSO 2\.5/
    condition:
        $exact
}

rule control_system_tools
{
    meta:
        id = "97698d68-4686-4094-9400-0516aeebcb58"
        description = "Names of tools and malware for attacks on controllers"
        level = "critical"
    strings:
        $exact = /\b(s7-info|modbus-discover|enip-info|bacnet-info|iec-identify|dnp3-info|omron-info|fox-info)\.nse\b|\b(auxiliary|exploit)\/(\w{1,20}\/){0,2}scada\/|Industrial Exploitation Framework|plcscan\.py|PLCinject|MODBUS Penetration|trilog\.exe|imain\.bin.{1,300}inject\.bin|inject\.bin.{1,300}imain\.bin|haslo\.dat|LazyCargo/
    condition:
        $exact
}

rule coin_miner
{
    meta:
        id = "9aac7230-6e6b-413a-be34-88a0b8cfcc46"
        description = "What programs for mining write or are started with"
        level = "high"
    strings:
        $text = /--donate-level/ nocase
        $exact = /stratum(2)?\+(tcp|ssl|tls):\/\/|\bxmrig\b|--?(algo|coin)[= ](rx\/0|randomx|cryptonight|cn\/|monero)|kdevtmpfsi|"method":\s?"login","params":\s?\{"login":\s?"4[0-9AB][1-9A-HJ-NP-Za-km-z]{93}/
    condition:
        $text or $exact
}

rule ransom_note
{
    meta:
        id = "581044f2-0b4d-4ab9-a6f4-c88371a62681"
        description = "Words and names of files of ransom notes"
        level = "high"
    strings:
        $text = /\b(all )?(of )?your (important )?(files|data|documents|network)( (have|has) been| are| is| were)( all)? (encrypted|locked|stolen and encrypted)|\b(HOW[_ -]?TO[_ -]?(DECRYPT|RESTORE|RECOVER)|RESTORE[_-]?(MY|YOUR)?[_-]?FILES|RECOVER[_-]?(MY|YOUR)?[_-]?FILES|DECRYPT[_-]?(INSTRUCTIONS?|FILES)|READ[_-]?ME[_-]?(TO[_-])?DECRYPT)[A-Z0-9_-]{0,20}\.(txt|html|hta)/ nocase
        $exact = /您的文件已被加密/
    condition:
        $text or $exact
}

rule hidden_service_address
{
    meta:
        id = "f088e5e3-c656-4368-b654-8f9c3f8479e7"
        description = "The address of a hidden service of the Tor network"
        level = "medium"
    strings:
        $exact = /\b[a-z2-7]{56}\.onion\b|\.onion\.(ws|to|ly|pet|cab|city)\b/
    condition:
        $exact
}
