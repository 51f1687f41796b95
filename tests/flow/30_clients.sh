#!/bin/bash
# Real clients: logger, rsyslog and syslog-ng. They rewrite headers, so a relay of our own records what they put on the wire;
# every record is found by a search, octet for octet.
. tests/flow/lib.inc
command -v logger >/dev/null || skip "logger (bsdutils) is not here"
port=$(free_port)
peers=$PWD/build/peers
sent=0
unpack() { # package, its libraries...: downloaded and unpacked, not installed (rsyslog and syslog-ng exclude each other)
	local dir=$peers/$1 p
	[ -e "$dir/.done" ] && return 0
	mkdir -p "$dir/deb" || return 1
	(cd "$dir/deb" && apt-get download -qq "$@" >/dev/null 2>&1) || return 1
	for p in "$dir"/deb/*.deb; do dpkg -x "$p" "$dir" || return 1; done
	touch "$dir/.done"
}
start
for i in 1 2 3; do
	logger -n 127.0.0.1 -P "$port" -d -t lg --rfc3164 "udp old header number $i" || fail "logger"
	logger -n 127.0.0.1 -P "$port" -d -t lg --rfc5424 "udp new header number $i"
	logger -n 127.0.0.1 -P "$port" -T -t lg --rfc5424 "tcp new header number $i with ünïcode"
	logger -n 127.0.0.1 -P "$port" -T --octet-count -t lg --rfc5424 "tcp counted number $i"
	sent=$((sent + 4))
done
until_count 'lg' $sent 10
for i in 1 2 3; do
	for text in "udp old header number $i" "udp new header number $i" "tcp new header number $i with ünïcode" "tcp counted number $i"; do
		[ "$(count "\"$text\"")" = 1 ] || fail "'$text' was found $(count "\"$text\"") times"
	done
done
echo "# logger: $sent of $sent found"

relay() { # name: records what comes on $rport and passes it on; one connection
	rport=$(free_port)
	"$O/relay" "$rport" "$port" "$tmp/wire.$1" >/dev/null 2>&1 &
	other_pids="${other_pids:-} $!"
	for _ in $(seq 50); do grep -q ":$(printf %04X "$rport") 00000000:0000 0A" /proc/net/tcp && return; sleep 0.1; done
	fail "the relay does not listen"
}
compare() { # name, framing: every record of the wire is found
	sleep 2
	"$CRESSET" parse --framing "$2" --output ndjson "$tmp/wire.$1" | sed -n 's/.*"original":"\(\([^"\\]\|\\.\)*\)".*/\1/p' | sort >"$tmp/want"
	search "clienttest-$1" | sed -n 's/.*"original":"\(\([^"\\]\|\\.\)*\)".*/\1/p' | sort >"$tmp/got"
	[ -s "$tmp/want" ] || fail "$1 put nothing on the wire"
	cmp -s "$tmp/want" "$tmp/got" || { diff "$tmp/want" "$tmp/got" | head -5; fail "$1: what was on the wire differs from what is found"; }
	echo "# $1: $(wc -l <"$tmp/want") records, octet for octet"
}
feed() { for i in $(seq 200); do echo "<13>$(date '+%b %e %H:%M:%S') feeder app[$i]: $1 number $i of many"; done; }

if unpack rsyslog libestr0 libfastjson4 liblognorm5 2>/dev/null; then
	for mode in octet-counted traditional; do
		relay "rsyslog-$mode"
		iport=$(free_port)
		cat >"$tmp/rsyslog.conf" <<-C
			module(load="imtcp")
			input(type="imtcp" port="$iport" address="127.0.0.1")
			global(workDirectory="$tmp")
			action(type="omfwd" target="127.0.0.1" port="$rport" protocol="tcp" TCP_Framing="$mode" queue.type="LinkedList")
		C
		lib=$peers/rsyslog/usr/lib/x86_64-linux-gnu
		LD_LIBRARY_PATH=$lib "$peers/rsyslog/usr/sbin/rsyslogd" -n -f "$tmp/rsyslog.conf" -i "$tmp/rsyslog.$mode.pid" -M "$lib/rsyslog" >"$tmp/rsyslog.out" 2>&1 &
		other_pids="$other_pids $!"
		for _ in $(seq 50); do (feed "clienttest-rsyslog-$mode" >"/dev/tcp/127.0.0.1/$iport") 2>/dev/null && break; sleep 0.1; done
		until_count "clienttest-rsyslog-$mode" 200 15
		compare "rsyslog-$mode" "$([ $mode = octet-counted ] && echo octet || echo lf)"
	done
else
	echo "# skipped: rsyslog could not be fetched"
fi
if unpack syslog-ng-core libivykis0 libnet1 libwrap0 libpcre3 libjson-c5 libglib2.0-0 2>/dev/null; then
	relay syslog-ng
	iport=$(free_port)
	ng=$peers/syslog-ng-core
	lib=$ng/usr/lib/x86_64-linux-gnu:$ng/usr/lib/syslog-ng
	modules=$(dirname "$(find "$ng" -name 'libafsocket.so' | head -1)")
	cat >"$tmp/ng.conf" <<-C
		@version: 3.38
		source s { network(ip("127.0.0.1") port($iport) transport("tcp")); };
		destination d { network("127.0.0.1" port($rport) transport("tcp")); };
		log { source(s); destination(d); };
	C
	LD_LIBRARY_PATH=$lib "$ng/usr/sbin/syslog-ng" -F --no-caps -f "$tmp/ng.conf" -R "$tmp/ng.persist" -p "$tmp/ng.pid" -c "$tmp/ng.ctl" --module-path "$modules" >"$tmp/ng.out" 2>&1 &
	other_pids="$other_pids $!"
	for _ in $(seq 50); do (feed "clienttest-syslog-ng" >"/dev/tcp/127.0.0.1/$iport") 2>/dev/null && break; sleep 0.1; done
	if kill -0 "${other_pids##* }" 2>/dev/null; then
		until_count "clienttest-syslog-ng" 200 15
		compare syslog-ng lf
	else
		echo "# skipped: syslog-ng does not start here: $(tail -1 "$tmp/ng.out")"
	fi
else
	echo "# skipped: syslog-ng could not be fetched"
fi
stop
exit 0
