# fallback=next: the request goes on as if the directive were not there.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== to static files
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=next;
        root $TEST_NGINX_SERVER_ROOT/html;
    }
--- user_files
>>> page
static
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "static\n"]



=== to the location's handler
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=next;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location @django {
        return 200 "not here\n";
    }
--- request
GET /page
--- cache: MISS absent
--- response_body
app GET /page



=== to try_files, which comes after the look-up
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=next;
        root $TEST_NGINX_SERVER_ROOT/html;
        try_files $uri @application;
    }
    location @application {
        return 200 "application\n";
    }
--- user_files
>>> page
static
>>> both
static
--- memcached
/both = stored\n
--- request eval
['GET /both', 'GET /page', 'GET /neither']
--- cache eval
['HIT', 'MISS absent', 'MISS absent']
--- response_body eval
["stored\n", "static\n", "application\n"]



=== given at server level it reaches a location without a handler
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=next;
    location / {
        root $TEST_NGINX_SERVER_ROOT/html;
    }
--- user_files
>>> page
static
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "static\n"]



=== a POST goes on whole
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=next;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- request
POST /page
a=1
--- cache: BYPASS method
--- response_body chop
app POST /page
a=1
