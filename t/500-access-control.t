# Access control is applied before a stored page is served.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== auth_basic: nobody without a password
--- config
    location / {
        auth_basic "closed";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- user_files
>>> passwords
user:{PLAIN}secret
--- memcached
/page = stored\n
--- request
GET /page
--- error_code: 401
--- response_body_unlike: stored



=== auth_basic: the page for who has one
--- config
    location / {
        auth_basic "closed";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- user_files
>>> passwords
user:{PLAIN}secret
--- memcached
/page = stored\n
--- request
GET /page
--- more_headers
Authorization: Basic dXNlcjpzZWNyZXQ=
--- cache: HIT
--- response_body
stored



=== deny
--- config
    location / {
        deny all;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- error_code: 403
--- response_body_unlike: stored
--- may_error
access forbidden by rule



=== allow
--- config
    location / {
        allow 127.0.0.1;
        deny all;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: HIT
--- response_body
stored



=== auth_request: refused
--- config
    location / {
        auth_request /_status/403;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
    location /_status/ {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- error_code: 403
--- response_body_unlike: stored
--- may_error
access forbidden



=== auth_request: admitted
--- config
    location / {
        auth_request /_status/204;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
    location /_status/ {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: HIT
--- response_body
stored



=== satisfy any: the password opens what the address does not
--- config
    location / {
        satisfy any;
        deny all;
        auth_basic "closed";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- user_files
>>> passwords
user:{PLAIN}secret
--- memcached
/page = stored\n
--- request
GET /page
--- more_headers
Authorization: Basic dXNlcjpzZWNyZXQ=
--- cache: HIT
--- response_body
stored



=== satisfy any: neither of them
--- config
    location / {
        satisfy any;
        deny all;
        auth_basic "closed";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- user_files
>>> passwords
user:{PLAIN}secret
--- memcached
/page = stored\n
--- request
GET /page
--- error_code: 401
--- response_body_unlike: stored
--- may_error
access forbidden by rule



=== limit_req counts hits too
--- http_config
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
--- config
    location / {
        limit_req zone=one;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = stored\n
--- request eval
['GET /page', 'GET /page']
--- error_code eval
[200, 503]
--- response_body_like eval
['^stored$', '503']
--- may_error
limiting requests



=== limit_except: refused before the fallback
--- config
    location / {
        limit_except GET {
            deny all;
        }
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- request
POST /page
a=1
--- error_code: 403
--- may_error
access forbidden by rule



=== in the fallback it is for misses only
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
    location @django {
        auth_basic "closed";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- user_files
>>> passwords
user:{PLAIN}secret
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- error_code eval
[200, 401]
--- cache eval
['HIT', 'MISS absent']
--- response_body_like eval
['^stored', '401 Authorization Required']
