# Once nginx has rewritten the request, the full path is made of its current path.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== `rewrite ... break`: the new path, quoted as Django quotes one
--- config
    location / {
        rewrite ^/old/(.*)$ /new/$1 break;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/new/caf%C3%A9%20%3B%25/?a=%zz = stored\n
--- request
GET /old/caf%c3%a9%20;%25/?a=%zz
--- cache: HIT
--- cache_key: /new/caf%C3%A9%20%3B%25/?a=%zz
--- response_body
stored



=== `rewrite ... last`, with arguments of its own
--- config
    location / {
        rewrite ^/old/(.*)$ /new/$1?b=2 last;
    }
    location /new/ {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/new/x?b=2&a=1 = stored\n
--- request
GET /old/x?a=1
--- cache: HIT
--- cache_key: /new/x?b=2&a=1
--- response_body
stored



=== no question mark where no arguments are left
--- config
    location / {
        rewrite ^/old/(.*)$ /new/$1? break;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/new/x = stored\n
--- request
GET /old/x?a=1
--- cache: HIT
--- cache_key: /new/x
--- response_body
stored



=== an internal redirect: not the target that the client sent
--- config
    location / {
        try_files /none /index/;
    }
    location /index/ {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = the client's\n
/index/ = stored\n
--- request
GET /page
--- cache: HIT
--- cache_key: /index/
--- response_body
stored



=== a subrequest: its own path, not the page's
--- config
    location = /whole {
        ssi on;
        default_type text/html;
        root $TEST_NGINX_SERVER_ROOT/html;
        try_files /whole.html =404;
    }
    location /part/ {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- user_files
>>> whole.html
[<!--#include virtual="/part/caf%C3%A9%20b/?x=%41" -->]
--- memcached
/whole = the page's\n
/part/caf%C3%A9%20b/?x=%41 = stored
--- request
GET /whole
--- response_body
[stored]
