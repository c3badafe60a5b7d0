# A request is decided once: no later pass looks it up.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== an internal redirect by the application, after a miss
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request
GET /_accel/page
--- cache: MISS absent
--- cache_key: /_accel/page
--- response_body
app GET /page



=== an internal redirect by the application, after a POST
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request
POST /_accel/page
a=1
--- cache: BYPASS method
--- response_body_like: ^app (GET|POST) /page



=== try_files that ends in another cached location
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=next;
        try_files /none /other;
    }
    location = /other {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/other = stored\n
--- request
GET /page
--- cache: MISS absent
--- cache_key: /page
--- response_body
app GET /other



=== a fallback that is cached too
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw namespace=a: fallback=@second;
    }
    location @second {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw namespace=b:;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
b:/page = stored\n
--- request
GET /page
--- cache: MISS absent
--- cache_key: a:/page
--- response_body
app GET /page



=== two named locations that fall back to each other
--- config
    location / {
        try_files /none @a;
    }
    location @a {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw namespace=a: fallback=@b;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location @b {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw namespace=b: fallback=@a;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
b:/page = stored\n
--- request
GET /page
--- cache: MISS absent
--- cache_key: a:/page
--- response_body
app GET /page



=== and have no handler
--- config
    root $TEST_NGINX_SERVER_ROOT/html;
    location / {
        try_files /none @a;
    }
    location @a {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw namespace=a: fallback=@b;
    }
    location @b {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw namespace=b: fallback=@a;
    }
--- user_files
>>> page
static
--- request
GET /page
--- cache: MISS absent
--- response_body
static



=== a bypass is a decision
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=@second;
        rust_page_cache_bypass 1;
    }
    location @second {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: BYPASS bypass
--- response_body
app GET /page



=== a look-up that failed is one too
--- config
    location / {
        rust_page_cache memcached://127.0.0.1:$TEST_NGINX_CLOSED_PORT key=raw fallback=@second;
    }
    location @second {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: ERROR connect
--- response_body
app GET /page
--- may_error
127.0.0.1:$TEST_NGINX_CLOSED_PORT



=== a rewrite before the look-up is none
--- config
    location / {
        rewrite ^/old/(.*) /new/$1 last;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
    location /new/ {
        rewrite ^ /newer break;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/newer = stored\n
--- request
GET /old/page
--- cache: HIT
--- cache_key: /newer
--- response_body
stored



=== a hit is one: the error page of its 416 is not looked up
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    error_page 416 /sorry;
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
/sorry = stored too\n
--- request
GET /page
--- more_headers
Range: bytes=100-200
--- error_code: 416
--- response_body
app GET /sorry
