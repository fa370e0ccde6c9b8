#!/bin/sh
# Makes sure that a Docker engine answers, and on Debian and Ubuntu that git is
# there, and debootstrap in case no registry can be reached. It says what it does,
# and does nothing that is done already.
#
# It asks the engine's API itself: a docker command on PATH may be of another
# version than the engine, or be there without one.
set -eu

say() { echo "ensure-engine: $*" >&2; }
die() {
	say "$*"
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Where the engine is: as the program itself looks for it.
default=unix:///var/run/docker.sock
host=${DOCKER_HOST:-}
if [ -z "$host" ] && have docker; then
	host=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || true)
fi
host=${host:-$default}

# answers succeeds if the engine answers a ping within five seconds.
answers() {
	sock=${host#unix://}
	if [ "$sock" = "$host" ]; then
		have docker || die "a docker command is needed to reach the engine at $host."
		docker -H "$host" version >/dev/null 2>&1
	elif [ ! -S "$sock" ]; then
		return 1
	elif have curl; then
		[ "$(curl -fsS -m 5 --noproxy '*' --unix-socket "$sock" http://engine/_ping 2>/dev/null)" = OK ]
	else # perl-base is part of every Debian
		perl -MIO::Socket::UNIX -e '
			alarm 5;
			$s = IO::Socket::UNIX->new(Peer => shift) or exit 1;
			print $s "GET /_ping HTTP/1.0\r\n\r\n"; $s->flush;
			exit(<$s> =~ / 200 / ? 0 : 1)' "$sock"
	fi
}

# as_root runs a command with root's rights. Asking for a password is sudo's.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif have sudo; then
		sudo "$@"
	else
		die "root is needed for: $*. Run it as root."
	fi
}

ID='' ID_LIKE=''
if [ -r /etc/os-release ]; then
	# shellcheck disable=SC1091
	. /etc/os-release
fi
debian=no
case " $ID $ID_LIKE " in *' debian '* | *' ubuntu '*) debian=yes ;; esac

# forget removes a pid file that an engine which was killed has left, if another
# program has that pid by now: dockerd would take it for itself and not start.
forget() { # FILE PROGRAM
	pid=$(cat "$1" 2>/dev/null) || return 0
	[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] || as_root rm -f "$1"
}

# install gets Debian packages.
install() {
	say "installing $* with apt-get"
	as_root apt-get update -qq || say "apt-get update had errors; going on"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >&2
}

have go || die "Go is missing: install the version that go.mod names, from go.dev/dl or your distribution."

if ! have git; then
	[ $debian = yes ] || die "git is missing: install it."
	install git
fi

# debootstrap makes the base image where no registry answers. It works as root
# only, so without root it would not help.
if [ $debian = yes ] && [ "$(id -u)" = 0 ] && ! have debootstrap && ! have mmdebstrap; then
	install debootstrap || say "debootstrap cannot be installed; it is needed only if no registry answers"
fi

if answers; then
	exit 0
fi

sock=${host#unix://}
if [ -S "$sock" ] && [ ! -w "$sock" ]; then
	die "this user may not talk to the Docker engine at $sock: run \`sudo usermod -aG docker $(id -un)\` and log in again."
fi
[ "$host" = "$default" ] || die "the Docker engine at $host does not answer: start it, or unset DOCKER_HOST or the docker context."

if ! have dockerd && [ ! -x /usr/sbin/dockerd ]; then
	[ $debian = yes ] || die "no Docker engine answers at $host: install Docker Engine (docs.docker.com/engine/install) or Docker Desktop, and start it."
	install docker.io
	if answers; then # the package starts it where systemd runs
		say "the Docker engine is up"
		exit 0
	fi
fi

[ "$(uname -s)" = Linux ] || die "no Docker engine answers at $host: start Docker."
if [ -d /run/systemd/system ]; then
	say "starting the Docker engine with systemctl"
	as_root systemctl start docker || true
	log="journalctl -u docker -n 20 --no-pager"
else
	forget /run/docker.pid dockerd
	forget /run/docker/containerd/containerd.pid containerd
	file=/var/log/dockerd.log
	log="tail -n 20 $file"
	say "starting dockerd in the background; its log is $file"
	# A session of its own: it outlives this shell and its terminal.
	as_root env PATH="$PATH:/usr/sbin:/sbin" sh -c "setsid dockerd >$file 2>&1 </dev/null &"
fi

i=0
while ! answers; do
	i=$((i + 1))
	if [ -S "$sock" ] && [ ! -w "$sock" ]; then
		die "the Docker engine is up, but this user may not talk to it: run \`sudo usermod -aG docker $(id -un)\` and log in again."
	fi
	if [ $i -ge 60 ]; then
		say "the Docker engine does not answer after 60 s; its log ends with:"
		as_root $log >&2 || true
		exit 1
	fi
	sleep 1
done
say "the Docker engine is up"
