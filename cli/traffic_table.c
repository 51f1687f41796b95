/* Slots in braces are filled by traffic.c: values of the connection the line speaks of ({ip} {inside} {port} {pid} {conn} {user}
 * {desk} {uid} {key} {vpn} {agent} {id} {meter} {name} {print} {image}; {flow:new|old|mix} chooses it), of the device ({host} {c} {daemon} {own:N}
 * {mac} {uptime}), of the moment ({ts} {iso} {date} {clock} {clf} {year} {beijing} {step:N}) and drawn ({n:LO:HI} {hex:N} {any} {pick:a|b}). */
#include "cli/traffic_table.h"

/* One template, one line. */
/* clang-format off */

#define L TRAFFIC_LINUX
#define WINDOWS_HEAD "<14>1 {iso} {host} Microsoft-Windows-"

const struct traffic_template traffic_templates[] = {
	{L, 9, "<86>{ts} {host} sshd[{pid}]: {flow:new}Accepted publickey for {user} from {desk} port {port} ssh2: ED25519 SHA256:{key}"},
	{L, 9, "<86>{ts} {host} {flow:old}sshd[{pid}]: pam_unix(sshd:session): session opened for user {user}(uid={uid}) by (uid=0)"},
	{L, 9, "<86>{ts} {host} {flow:old}sshd[{pid}]: pam_unix(sshd:session): session closed for user {user}"},
	{L, 10, "<78>{ts} {host} CRON[{pid}]: (telemetry) CMD (/usr/local/bin/{pick:collect|rotate|probe|sync}-{pick:meters|pumps|tariffs} --slot {step:96} >/dev/null 2>&1)"},
	{L, 8, "<30>{ts} {host} systemd[1]: {flow:old}{pick:Started|Stopped} session-{id}.scope - Session {id} of User {user}."},
	{L, 9, "<30>{ts} {host} systemd[1]: {pick:Started|Finished|Starting} {pick:apt-daily.service - Daily apt download activities|systemd-tmpfiles-clean.service - Cleanup of Temporary Directories|logrotate.service - Rotate log files|relay.service - Telemetry relay}."},
	{L, 4, "<85>{ts} {host} sudo: {user} : TTY=pts/{n:0:3} ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/{pick:systemctl status telemetry|journalctl -n 50|tail -n 100 /var/log/scada.log|apt-get update}"},
	{L, 12, "<4>{ts} {host} kernel: [{uptime}] nft-drop IN=eth{n:0:1} OUT= MAC={mac} SRC={ip} DST={inside} LEN={pick:40|44|52|60} TOS=0x00 PREC=0x00 TTL={n:44:58} ID={n:0:65535} DF PROTO=TCP SPT={port} DPT={pick:23|445|3389|5060|8080} WINDOW={pick:1024|29200|64240|65535} RES=0x00 SYN URGP=0"},
	{L, 1, "<86>{ts} {host} sshd[{pid}]: Failed password for {user} from {any} port {port} ssh2"},
	{L, 12, "<30>{ts} {host} dbus-daemon[{daemon}]: [system] Successfully activated service 'org.freedesktop.{pick:hostname1|timedate1|nm_dispatcher}'"},
	{L, 22, "<30>{ts} {host} relay[{daemon}]: forwarded {n:20:400} readings in {n:2:90} ms, queue {n:0:40}"},
	{TRAFFIC_WEB, 36, "<190>{ts} {host} nginx: {flow:mix}{ip} - - [{clf}] \"GET /{pick:tariffs HTTP/1.1\" 200 18233|outages HTTP/1.1\" 200 6120|meter/{meter} HTTP/1.1\" {pick:200|200|404} {n:180:2400}|static/app.5f0c2b1d.js HTTP/1.1\" 304 0|static/site.css HTTP/1.1\" 200 40177|api/v1/readings?meter={meter} HTTP/1.1\" 200 {n:300:9000}} \"{pick:-|https://portal.example/}\" \"{agent}\""},
	{TRAFFIC_WEB, 34, "<190>{ts} {host} nginx: {flow:mix}{ip} - - [{clf}] \"POST /api/v1/{pick:login|readings|payments} HTTP/2.0\" {pick:200|201|204|401} {n:20:900} \"-\" \"portal-app/4.{n:0:3}\""},
	{TRAFFIC_ASA, 30, "<166>{ts} {host} : %ASA-6-302013: Built outbound TCP connection {flow:new}{conn} for outside:{ip}/443 ({ip}/443) to inside:{inside}/{port} (198.51.100.7/{port})"},
	{TRAFFIC_ASA, 6, "<166>{ts} {host} : %ASA-6-302013: Built inbound TCP connection {flow:new}{conn} for outside:{ip}/{port} ({ip}/{port}) to dmz:10.20.0.{n:10:13}/443 (198.51.100.9/443)"},
	{TRAFFIC_ASA, 34, "<166>{ts} {host} : %ASA-6-302014: Teardown TCP connection {flow:old}{conn} for outside:{ip}/443 to inside:{inside}/{port} duration 0:{n:0:4}:{n:10:59} bytes {n:200:90000} {pick:TCP FINs|TCP Reset-I|SYN Timeout}"},
	{TRAFFIC_ASA, 12, "<164>{ts} {host} : %ASA-4-106023: Deny {pick:tcp|udp} src outside:{ip}/{port} dst dmz:10.20.0.{n:10:25}/{pick:23|445|5900|8291} by access-group \"outside_in\" [0x{own:8}, 0x0]"},
	{TRAFFIC_ASA, 14, "<166>{ts} {host} : %ASA-6-305011: Built dynamic TCP translation from {flow:old}inside:{inside}/{port} to outside:198.51.100.7/{port}"},
	{TRAFFIC_FORTI, 40, "<189>date={date} time={clock} devname=\"{host}\" devid=\"FG100F{own:8}\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" vd=\"root\" {flow:new}srcip={inside} srcport={port} srcintf=\"lan\" dstip={ip} dstport={pick:443|443|80|53} dstintf=\"wan1\" sessionid={conn} proto=6 action=\"{pick:accept|close|timeout}\" policyid={n:1:9} duration={n:1:900} sentbyte={n:60:90000} rcvdbyte={n:60:900000}"},
	{TRAFFIC_HUAWEI, 12, "<189>{ts} {year} {host} %%01IFNET/4/LINK_STATE(l)[{c}]:The line protocol IP on the interface GigabitEthernet0/0/{n:1:48} has entered the {pick:UP|DOWN} state."},
	{TRAFFIC_HUAWEI, 10, "<190>{ts} {year} {host} %%01INFO/6/SUPPRESS_LOG(l)[{c}]:Last message repeated {n:1:9} times.(InfoID=1077493799, ModuleName=LLDP, InfoAlias=CONF_CHANGE)"},
	{TRAFFIC_HUAWEI, 6, "<189>{ts} {year} {host} %%01SHELL/5/CMDRECORD(s)[{c}]:Recorded command information. (Task=VT{n:0:4}, Ip={desk}, VpnName=, User={user}, AuthenticationMethod=\"Local-user\", Command=\"display {pick:interface brief|version|cpu-usage|logbuffer}\")"},
	{TRAFFIC_H3C, 10, "<189>{ts} {year} {host} %%10IFNET/3/LINK_UPDOWN: GigabitEthernet1/0/{n:1:24} link status is {pick:UP|DOWN}."},
	{TRAFFIC_WINDOWS, 16, WINDOWS_HEAD "Security-Auditing {daemon} - - {\"EventTime\":\"{iso}\",\"Hostname\":\"{host}\",\"Channel\":\"Security\",\"EventID\":4624,\"TargetUserName\":\"{flow:new}{user}\",\"TargetDomainName\":\"UTILITY\",\"LogonType\":{pick:3|3|3|5|10},\"IpAddress\":\"{desk}\",\"TargetUserSid\":\"S-1-5-21-1004336348-1177238915-682003330-{uid}\"}"},
	{TRAFFIC_WINDOWS, 14, WINDOWS_HEAD "Security-Auditing {daemon} - - {\"EventTime\":\"{iso}\",\"Hostname\":\"{host}\",\"Channel\":\"Security\",\"EventID\":4634,\"TargetUserName\":\"{flow:old}{user}\",\"TargetDomainName\":\"UTILITY\",\"LogonType\":3}"},
	{TRAFFIC_WINDOWS, 14, WINDOWS_HEAD "Sysmon {daemon} - - {\"EventTime\":\"{iso}\",\"Hostname\":\"{host}\",\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"Image\":\"C:\\\\{pick:Windows\\\\System32\\\\svchost.exe\",\"CommandLine\":\"svchost.exe -k netsvcs -p|Program Files\\\\Historian\\\\collector.exe\",\"CommandLine\":\"collector.exe --slot {step:96}|Windows\\\\System32\\\\taskhostw.exe\",\"CommandLine\":\"taskhostw.exe}\",\"Hashes\":\"SHA256={image}\",\"User\":\"{pick:NT AUTHORITY\\\\SYSTEM|UTILITY\\\\{user}}\",\"ProcessId\":{pid}}"},
	{TRAFFIC_IDS, 10, "<134>1 {iso} {host} suricata {daemon} - - {\"timestamp\":\"{iso}\",\"event_type\":\"{flow:mix}{pick:dns|flow|tls}\",\"src_ip\":\"{inside}\",\"src_port\":{port},\"dest_ip\":\"{ip}\",\"dest_port\":{pick:53|443|123},\"proto\":\"{pick:TCP|UDP}\",\"ja3\":\"{print}\",\"flow_id\":{id}}"},
	{TRAFFIC_VPN, 12, "<189>date={date} time={clock} devname=\"{host}\" devid=\"FG60F{own:8}\" logid=\"0101039947\" type=\"event\" subtype=\"vpn\" level=\"information\" vd=\"root\" logdesc=\"SSL VPN tunnel up\" action=\"tunnel-up\" tunneltype=\"ssl-tunnel\" {vpn} group=\"staff\" tunnelid={c}"},
	{TRAFFIC_TOPSEC, 14, "id=tos time=\"{beijing}\" fw={host}  pri=6 type=ac recorder=tos_fw_nat {flow:mix}src={inside} dst={ip} sport={port} dport={pick:443|80|53} proto={pick:tcp|udp} user= rule=accept indev=eth{n:0:3} msg=\"access\""},
	{TRAFFIC_TOPSEC, 2, "id=tos time=\"{beijing}\" fw={host}  pri=4 type=ac recorder=tos_fw_nat src={any} dst={ip} sport={port} dport={pick:25|6667|8443} proto=tcp user= rule=deny indev=eth{n:0:3} msg=\"access\""},
	{TRAFFIC_GATEWAY, 16, "<134>{ts} {host} modbusgw[{daemon}]: unit={n:1:24} fc={pick:3|3|3|4|1} addr={n:0:60}00 count={pick:2|8|16|60} client=10.30.1.{n:10:14} result=ok ms={n:1:40}"},
	{TRAFFIC_HISTORIAN, 12, "<134>1 {iso} {host} historian {daemon} POINT - tag=PUMP{n:1:40}.{pick:FLOW|PRESSURE|TEMP} value={n:0:400}.{n:10:99} quality=good"},
	{TRAFFIC_APACHE, 14, "<190>{ts} {host} apache2: {flow:mix}{inside} - - [{clf}] \"GET /{pick:intranet/|wiki/{meter}|reports/{n:2020:2026}/q{n:1:4}.pdf} HTTP/1.1\" {pick:200|200|304|403} {n:200:90000}"},
	{TRAFFIC_SWITCH, 12, "<189>{c}: {host}: *{ts}.{n:100:999}: %LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet1/0/{n:1:48}, changed state to {pick:up|down}"},
	{TRAFFIC_DNS, 20, "<30>{ts} {host} dnsmasq[{daemon}]: {flow:mix}query[{pick:A|A|AAAA}] {pick:ntp|update|mail|telemetry|portal}{name}.{pick:example.net|utility.example|cdn.example.org} from {inside}"},
	{TRAFFIC_DNS, 14, "<30>{ts} {host} dnsmasq[{daemon}]: {flow:old}reply {pick:ntp|update|mail|telemetry|portal}{name}.{pick:example.net|utility.example|cdn.example.org} is {ip}"},
	{TRAFFIC_MAIL, 10, "<22>{ts} {host} postfix/smtpd[{flow:new}{pid}]: connect from mx{n:1:200}.example.net[{ip}]"},
	{TRAFFIC_MAIL, 10, "<22>{ts} {host} postfix/smtpd[{flow:old}{pid}]: disconnect from unknown[{ip}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"},
};
/* clang-format on */

const size_t traffic_template_count = sizeof traffic_templates / sizeof *traffic_templates;

const struct traffic_kind traffic_families[TRAFFIC_FAMILIES] = {
	[TRAFFIC_LINUX] = {"srv", 30, false},    [TRAFFIC_WEB] = {"web", 5, true},
	[TRAFFIC_ASA] = {"asa", 9, false},       [TRAFFIC_FORTI] = {"fgt", 1, true},
	[TRAFFIC_HUAWEI] = {"sw-hw", 7, false},  [TRAFFIC_H3C] = {"sw-h3c", 4, false},
	[TRAFFIC_WINDOWS] = {"WIN", 7, true},    [TRAFFIC_IDS] = {"ids", 2, true},
	[TRAFFIC_VPN] = {"vpn", 1, false},       [TRAFFIC_TOPSEC] = {"tos", 1, false},
	[TRAFFIC_GATEWAY] = {"plcgw", 9, false}, [TRAFFIC_HISTORIAN] = {"hist", 3, true},
	[TRAFFIC_APACHE] = {"intra", 2, false},  [TRAFFIC_SWITCH] = {"sw", 4, false},
	[TRAFFIC_DNS] = {"dns", 10, false},      [TRAFFIC_MAIL] = {"mail", 5, false},
};

const char *const traffic_platforms[TRAFFIC_PLATFORMS] = {"X11; Linux x86_64",
														  "Windows NT 10.0; Win64; x64",
														  "Windows NT 10.0; Win64; x64; rv:128.0",
														  "iPhone; CPU iPhone OS 17_4 like Mac OS X",
														  "Linux; Android 14; Pixel 8",
														  "Macintosh; Intel Mac OS X 10_15_7",
														  "Linux; Android 13; SM-A536B",
														  "iPad; CPU OS 17_5 like Mac OS X"};
const char *const traffic_browsers[TRAFFIC_BROWSERS] = {"Gecko/20100101 Firefox/128.0",
														"AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36",
														"AppleWebKit/605.1.15 Version/17.4 Safari/604.1",
														"Gecko/20100101 Firefox/115.0",
														"AppleWebKit/537.36 Chrome/124.0.0.0 Edg/124.0",
														"AppleWebKit/537.36 Chrome/125.0.0.0 Mobile Safari/537.36"};
