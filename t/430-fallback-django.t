# Without fallback= and without a handler: @django, where the directive was written.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== in this very location
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
    location @django {
        return 200 "django\n";
    }
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "django\n"]



=== in an `if` of a location without a handler
--- config
    location / {
        root $TEST_NGINX_SERVER_ROOT/html;
        if ($arg_cached) {
            rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$uri;
        }
    }
    location @django {
        return 200 "django\n";
    }
--- user_files
>>> page
static
--- memcached
/stored = stored\n
--- request eval
['GET /stored?cached=1', 'GET /page?cached=1', 'GET /page']
--- cache eval
['HIT', 'MISS absent', '']
--- response_body eval
["stored\n", "django\n", "static\n"]



=== at server level, where the server block itself serves
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    location /elsewhere/ {
        return 200 "elsewhere\n";
    }
    location @django {
        return 200 "django\n";
    }
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "django\n"]



=== a location without a handler that merely inherits is not looked up
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    location /static/ {
        root $TEST_NGINX_SERVER_ROOT/html;
    }
    location @django {
        return 200 "django\n";
    }
--- user_files
>>> static/page
static
--- memcached
/static/page = stored\n
--- request
GET /static/page
--- cache:
--- cache_key:
--- response_body
static



=== nor is a nested one
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        location /static/ {
            root $TEST_NGINX_SERVER_ROOT/html;
        }
    }
    location @django {
        return 200 "django\n";
    }
--- user_files
>>> static/page
static
--- memcached
/static/page = stored\n
--- request
GET /static/page
--- cache:
--- response_body
static



=== nor one that inherits from the http block
--- http_config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
--- config
    location / {
        root $TEST_NGINX_SERVER_ROOT/html;
    }
--- own_django
--- user_files
>>> page
static
--- memcached
/page = stored\n
--- request
GET /page
--- cache:
--- response_body
static



=== @django keeps what it is asked for
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- request
PUT /a%2Fb/?x=%20
a=1
--- cache: BYPASS method
--- response_body chop
app PUT /a%2Fb/?x=%20
a=1
