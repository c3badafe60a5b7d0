# The directive is inherited, overridden and switched off like any of nginx.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== a location overrides the server as a whole
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=prefix prefix=a namespace=n:;
    location /server {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location /own {
        rust_page_cache $TEST_NGINX_MEMCACHED key=prefix;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
n:a-/server = the server's\n
-/own = its own\n
--- request eval
['GET /server', 'GET /own']
--- cache_key eval
['n:a-/server', '-/own']
--- response_body eval
["the server's\n", "its own\n"]



=== `off` in a location, and what is below it
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    location /off/ {
        rust_page_cache off;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
        location /off/below/ {
            proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
        }
    }
--- memcached
/off/page = stored\n
/off/below/page = stored\n
--- request eval
['GET /off/page', 'GET /off/below/page']
--- cache eval
['', '']
--- response_body eval
["app GET /off/page\n", "app GET /off/below/page\n"]



=== `off` in an `if`
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$uri;
        if ($arg_off) {
            rust_page_cache off;
        }
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request eval
['GET /page', 'GET /page?off=1']
--- cache eval
['HIT', '']
--- response_body eval
["stored\n", "app GET /page?off=1\n"]



=== each server has its own
--- http_config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw namespace=http:;
    server {
        listen 127.0.0.1:$TEST_NGINX_CLOSED_PORT;
        rust_page_cache $TEST_NGINX_REDIS key=raw namespace=other:;
        location / {
            proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
        }
        location @django {
            return 200;
        }
    }
--- config
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
http:/page = stored\n
--- request
GET /page
--- cache: HIT
--- cache_key: http:/page
--- response_body
stored
