# Without fallback=: the location's own handler, if it has one.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== proxy_pass of the same location
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location @django {
        return 200 "not here\n";
    }
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "app GET /page\n"]



=== a handler where the directive is inherited from the server
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
    location @django {
        return 200 "not here\n";
    }
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "app GET /page\n"]



=== a handler where it is inherited from the http block, in a server without @django
--- http_config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
--- config
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- own_django
--- memcached
/stored = stored\n
--- request eval
['GET /stored', 'GET /page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "app GET /page\n"]



=== a nested location
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        proxy_pass http://127.0.0.1:$TEST_NGINX_CLOSED_PORT;
        location /inner/ {
            proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
        }
    }
--- memcached
/inner/stored = stored\n
--- request eval
['GET /inner/stored', 'GET /inner/page']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "app GET /inner/page\n"]



=== an `if` block keeps the handler of its location
--- config
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
        if ($arg_cached) {
            rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$uri;
        }
    }
    location @django {
        return 200 "not here\n";
    }
--- memcached
/stored = stored\n
--- request eval
['GET /stored?cached=1', 'GET /stored', 'GET /page?cached=1']
--- cache eval
['HIT', '', 'MISS absent']
--- response_body eval
["stored\n", "app GET /stored\n", "app GET /page?cached=1\n"]



=== stub_status is a handler too
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        stub_status;
    }
    location @django {
        return 200 "not here\n";
    }
--- request
GET /page
--- cache: MISS absent
--- response_body_like: Active connections
