# key=raw: the namespace and the full path, literally.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== without a namespace the key is the full path
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/blog/?page=2 = stored\n
--- request
GET /blog/?page=2
--- cache: HIT
--- cache_key: /blog/?page=2
--- response_body
stored



=== the namespace stands in front
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw namespace=:1:;
    }
--- memcached
/blog/ = without\n
:1:/blog/ = with\n
--- request
GET /blog/
--- cache: HIT
--- cache_key: :1:/blog/
--- response_body
with



=== `prefix=` is no part of it
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw prefix=site namespace=n;
    }
--- memcached
n/blog/ = stored\n
--- request
GET /blog/
--- cache: HIT
--- cache_key: n/blog/
--- response_body
stored



=== a percent sign is sent as it stands, and not escaped again
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/caf%C3%A9/?q=%41%zz = stored\n
--- request
GET /caf%c3%a9/?q=%41%zz
--- cache: HIT
--- cache_key: /caf%C3%A9/?q=%41%zz
--- response_body
stored



=== what `set $memcached_key` made, of any variables
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$http_host$uri;
    }
--- memcached
localhost/blog/ = stored\n
--- request
GET /blog/?utm_source=x
--- cache: HIT
--- cache_key: localhost/blog/
--- response_body
stored



=== `uri=` may be text and variables together, and set in the rewrite phase
--- config
    location / {
        set $version 7;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw namespace=v$version: uri=$request_method-${arg_a}x;
    }
--- memcached
v7:GET-1x = stored\n
--- request
GET /blog/?a=1
--- cache: HIT
--- cache_key: v7:GET-1x
--- response_body
stored
