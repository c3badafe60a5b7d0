# Subrequests whose body nobody reads are not looked up.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== auth_request under caching at server level: the stored page does not let anybody in
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    location / {
        auth_request /_status/401;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location /_status/ {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
/_status/401 = let everybody in
--- request
GET /page
--- error_code: 401



=== and the page is looked up once the application has agreed
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    location / {
        auth_request /_status/204;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
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



=== the reason is `subrequest`, and is the subrequest's own
--- http_config
    log_format cache '$uri $rust_page_cache_status $rust_page_cache_reason';
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    log_subrequest on;
    access_log $TEST_NGINX_SERVER_ROOT/logs/access.log cache;
    location / {
        auth_request /_status/204;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location /_status/ {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
/_status/204 = stored
--- request
GET /page
--- cache: HIT
--- response_body
stored
--- access_log
/_status/204 BYPASS subrequest
/page HIT



=== a mirrored request reaches the other side whatever the cache holds
--- http_config
    log_format cache '$uri $rust_page_cache_status $rust_page_cache_reason';
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    log_subrequest on;
    access_log $TEST_NGINX_SERVER_ROOT/logs/access.log cache;
    location / {
        mirror /mirror;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location = /mirror {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/mirror = stored
--- request
GET /page
--- cache: MISS absent
--- response_body
app GET /page
--- access_log
/mirror BYPASS subrequest
/page MISS absent
