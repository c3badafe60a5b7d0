# Nothing is looked up while an error page is served, but by a named location that says so itself.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== after a miss: the application's 404 has its own page
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    proxy_intercept_errors on;
    error_page 404 /sorry;
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/sorry = stored\n
--- request
GET /_status/404
--- error_code: 404
--- cache: MISS absent
--- cache_key: /_status/404
--- response_body
app GET /sorry



=== after a POST that failed, which an error page turns into a GET
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    proxy_intercept_errors on;
    error_page 502 /sorry;
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/sorry = stored\n
--- request
POST /_status/502
a=1
--- error_code: 502
--- cache: BYPASS method
--- response_body_like: ^app GET /sorry



=== where nothing was looked up before
--- config
    error_page 418 =200 /sorry;
    location / {
        return 418;
    }
    location = /sorry {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/sorry = stored\n
/page = stored\n
--- request
GET /page
--- response_body
app GET /sorry



=== in a named location that serves an error page
--- config
    error_page 418 =200 @sorry;
    location / {
        return 418;
    }
    location @sorry {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: HIT
--- response_body
stored



=== an error page behind access control that refused
--- config
    error_page 403 /sorry;
    location / {
        deny all;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
    location = /sorry {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
/sorry = stored\n
--- request
GET /page
--- error_code: 403
--- response_body
app GET /sorry
--- may_error
access forbidden by rule
