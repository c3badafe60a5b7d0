# key=prefix: namespace, prefix, `-`, full path (the soyrex middleware).

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== the middleware's key under today's Django
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=prefix prefix=/your-site-name namespace=:1:;
    }
--- memcached
:1:/your-site-name-/blog/?page=2 = stored\n
--- request
GET /blog/?page=2
--- cache: HIT
--- cache_key: :1:/your-site-name-/blog/?page=2
--- response_body
stored



=== an empty prefix leaves the hyphen
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=prefix;
    }
--- memcached
-/blog/ = stored\n
--- request
GET /blog/
--- cache: HIT
--- cache_key: -/blog/
--- response_body
stored



=== the prefix may hold variables
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=prefix prefix=$host;
    }
--- memcached
localhost-/blog/ = stored\n
--- request
GET /blog/
--- cache: HIT
--- response_body
stored
