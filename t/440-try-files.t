# The recipe with try_files: files first, then the cache, then the application.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== a file, a stored page, the application
--- config
    location / {
        root $TEST_NGINX_SERVER_ROOT/html;
        try_files $uri @cache;
    }
    location @cache {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- user_files
>>> static
static
--- memcached
/static = stored, and not asked for
/stored = stored\n
--- request eval
['GET /static', 'GET /stored', 'GET /page']
--- cache eval
['', 'HIT', 'MISS absent']
--- response_body eval
["static\n", "stored\n", "app GET /page\n"]



=== the target is still the client's own, byte for byte
--- config
    location / {
        try_files $uri @cache;
    }
    location @cache {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/a%3Bb/?q=%zz = stored\n
--- request
GET /a;b/?q=%zz
--- cache: HIT
--- cache_key: /a%3Bb/?q=%zz
--- response_body
stored



=== a POST
--- config
    location / {
        try_files $uri @cache;
    }
    location @cache {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- request
POST /page
a=1
--- cache: BYPASS method
--- response_body chop
app POST /page
a=1
