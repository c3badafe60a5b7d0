# shellcheck shell=bash
# shellcheck disable=SC2034 # its variables are read by the scripts that source it
# What setup, build, demo and test share. Sourced, never run.

# Debian keeps nginx in /usr/sbin, which is not on an ordinary user's PATH.
PATH=$PATH:/usr/sbin:/sbin

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
MODULE=ngx_http_rust_page_cache_module
VENV=$ROOT/.venv

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    warn "$*"
    exit 1
}
# die_with_log FILE MESSAGE...: the end of the file says why.
die_with_log() {
    tail -n 30 "$1" >&2
    shift
    die "$@"
}
have() { command -v "$1" >/dev/null 2>&1; }

# The help text of a script is the comment at its top.
usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# version_ge A B: is version A at least B?
version_ge() { [[ $(printf '%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# The nginx that the module is for: $NGINX, else the one on PATH. Fails if there is none.
nginx_binary() { command -v "${NGINX:-nginx}"; }

# nginx_version BINARY: the bare number, 1.22.1 say.
nginx_version() { "$1" -v 2>&1 | sed -n 's|^nginx version: [^/]*/\([0-9.]*\).*|\1|p'; }

# cargo_environment VENDORED: what cargo has to be told to build the module, and where. The same for
# every cargo command, or one would throw away the work of the other.
cargo_environment() {
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$ROOT/target}
    if (($1)); then
        CARGO_TARGET_DIR+=/vendored/build
        unset NGINX_SOURCE_DIR NGINX_BUILD_DIR
        # What Debian's nginx has, as far as it needs no further library, and HTTP/3.
        export NGX_CONFIGURE_ARGS="--with-debug --with-http_addition_module
            --with-http_auth_request_module --with-http_dav_module --with-http_gunzip_module
            --with-http_gzip_static_module --with-http_random_index_module
            --with-http_secure_link_module --with-http_slice_module --with-http_ssl_module
            --with-http_stub_status_module --with-http_sub_module --with-http_v2_module
            --with-http_v3_module"
    elif [[ -z ${NGINX_BUILD_DIR:-} ]]; then
        # Where setup has left the headers.
        NGINX_SOURCE_DIR=$ROOT/build/nginx-$(nginx_version "$(nginx_binary)")
        NGINX_BUILD_DIR=$NGINX_SOURCE_DIR/objs
        export NGINX_SOURCE_DIR NGINX_BUILD_DIR
    fi
}

# use_built_nginx VENDORED: sets BUILT_NGINX and BUILT_MODULE to what scripts/build has left.
use_built_nginx() {
    if (($1)); then
        BUILT_NGINX=$ROOT/target/vendored/nginx
        BUILT_MODULE=$ROOT/target/vendored/$MODULE.so
    else
        BUILT_NGINX=$(nginx_binary)
        BUILT_MODULE=$ROOT/target/module/$MODULE.so
    fi
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; fails when the time is over.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}

# What a script starts it also stops: `start` remembers, `stop` and `clean_up` end exactly that.
declare -A STARTED=() # name -> process id
TEMP=

# temp_dir: makes $TEMP, removed when the script ends.
temp_dir() {
    TEMP=$(mktemp -d "${TMPDIR:-/tmp}/rust_page_cache.XXXXXX")
    # nginx drops root in its workers, which still have to reach their own files below.
    chmod 711 "$TEMP"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# start NAME COMMAND...: runs the command in the background, its output in $TEMP/NAME.log.
start() {
    local name=$1
    shift
    "$@" >>"$TEMP/$name.log" 2>&1 </dev/null &
    STARTED[$name]=$!
}

running() { [[ -n ${STARTED[$1]:-} ]] && kill -0 "${STARTED[$1]}" 2>/dev/null; }

# stop NAME: a polite request, and after five seconds no longer a request.
stop() {
    local pid=${STARTED[$1]:-} i
    [[ -n $pid ]] || return 0
    unset "STARTED[$1]"
    kill "$pid" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

clean_up() {
    local name
    for name in "${!STARTED[@]}"; do stop "$name"; done
    [[ -z $TEMP ]] || rm -rf "$TEMP"
}
