# The look-up comes before try_files and mirror of the same location.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== a hit is not mirrored, a miss is
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        mirror /mirrored;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location = /mirrored {
        internal;
        rust_page_cache off;
        access_log $TEST_NGINX_SERVER_ROOT/logs/access.log mirrored;
        log_subrequest on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- http_config
    log_format mirrored 'mirrored $request_uri';
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "app GET /page\n"]
--- no_access_log
mirrored /stored



=== and the mirror gets the request of a miss
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        mirror /mirrored;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location = /mirrored {
        internal;
        rust_page_cache off;
        access_log $TEST_NGINX_SERVER_ROOT/logs/access.log mirrored;
        log_subrequest on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- http_config
    log_format mirrored 'mirrored $request_uri';
--- request
GET /page
--- cache: MISS absent
--- access_log
mirrored /page



=== beside a named fallback mirror runs neither for a hit nor for a miss
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=@django;
        mirror /mirrored;
    }
    location = /mirrored {
        internal;
        rust_page_cache off;
        access_log $TEST_NGINX_SERVER_ROOT/logs/access.log mirrored;
        log_subrequest on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- http_config
    log_format mirrored 'mirrored $request_uri';
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "app GET /page\n"]
--- no_access_log
mirrored /stored
mirrored /page



=== in the fallback it runs for misses
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
    location @django {
        mirror /mirrored;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location = /mirrored {
        internal;
        access_log $TEST_NGINX_SERVER_ROOT/logs/access.log mirrored;
        log_subrequest on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- http_config
    log_format mirrored 'mirrored $request_uri';
--- request
GET /page
--- cache: MISS absent
--- access_log
mirrored /page



=== a stored page goes before a file
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=@django;
        root $TEST_NGINX_SERVER_ROOT/html;
        try_files $uri =404;
    }
--- user_files
>>> page
static
--- memcached
/page = stored\n
--- request
GET /page
--- cache: HIT
--- response_body
stored
