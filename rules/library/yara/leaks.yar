/* Secrets that stand where they should not: in logs, where many can read them. */

rule private_key
{
    meta:
        id = "ef2f029f-538b-4f37-9fa4-9a1a7226fa7c"
        description = "A private key in a log"
        level = "high"
    strings:
        $exact = /-----BEGIN (RSA |EC |DSA |OPENSSH |ENCRYPTED |SM2 )?PRIVATE KEY( BLOCK)?-----|PuTTY-User-Key-File-[23]:/
    condition:
        $exact
}

rule access_token
{
    meta:
        id = "54a88ef3-22a2-4323-9d83-8b9418533bf7"
        description = "A signed token or the key of a cloud service in a log"
        level = "low"
    strings:
        $exact = /\beyJ[A-Za-z0-9_-]{12,}\.eyJ[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{20,}|\bAKIA[0-9A-Z]{16}\b|\bLTAI[0-9A-Za-z]{16,20}\b|\bgh[pousr]_[0-9A-Za-z]{36}\b|\bxox[abprs]-[0-9A-Za-z-]{20,}|\bAIza[0-9A-Za-z_-]{35}\b/
    condition:
        $exact
}

rule password_in_address
{
    meta:
        id = "3496dc72-7dcd-4509-b2de-61f081024d24"
        description = "A password in an address"
        level = "low"
    strings:
        $url = /\b(https?|ftp|ldaps?|mysql|postgres(ql)?|mongodb(\+srv)?|redis|amqps?|rtsp|smb):\/\/[^\s\/:@"\x27]{1,40}:[^\s\/:@"\x27]{3,60}@[A-Za-z0-9.-]{3,}/
    condition:
        $url
}

rule password_hashes
{
    meta:
        id = "d44e9272-a331-49e1-b734-8e386deac17b"
        description = "Lines of a file of passwords or of a dump of hashes"
        level = "high"
    strings:
        $text = /\b[^\s:\\"]{1,64}:[0-9]{3,6}:[0-9a-f]{32}:[0-9a-f]{32}:::/ nocase
        $exact = /\b[a-z_][a-z0-9_-]{0,31}:\$(1|2[aby]|5|6|7|y|gy)\$[^:\s]{8,}:[0-9]{0,6}:[0-9]{0,6}:|\$krb5(tgs|asrep)\$[0-9]{2}\$/
    condition:
        $text or $exact
}

rule database_dump
{
    meta:
        id = "d24ff3ec-3ee1-4981-878d-fc9e07bceff5"
        description = "The head or the statements of a dumped database in a log"
        level = "medium"
    strings:
        $exact = /-- (MySQL|MariaDB) dump [0-9]{1,2}\.|-- PostgreSQL database dump/
    condition:
        $exact
}

rule passwd_file
{
    meta:
        id = "11532d58-21f9-453b-a06f-eafdd9d0ead2"
        description = "The file of the users of a Unix host in a log"
        level = "medium"
    strings:
        $exact = /root:x:0:0:[^:]{0,40}:\/root:|\[boot loader\]/
    condition:
        $exact
}
