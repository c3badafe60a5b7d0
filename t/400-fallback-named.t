# fallback=@NAME: that named location answers what the cache does not.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== a miss goes there
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=@application;
    }
    location @application {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- request
GET /page?a=1
--- cache: MISS absent
--- response_body
app GET /page?a=1



=== also what is not looked up
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=@application;
    }
    location @application {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- request
POST /page
a=1
--- cache: BYPASS method
--- response_body chop
app POST /page
a=1



=== it goes before the location's own handler
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=@application;
        proxy_pass http://127.0.0.1:$TEST_NGINX_CLOSED_PORT;
    }
    location @application {
        return 200 "application\n";
    }
--- request
GET /page
--- cache: MISS absent
--- response_body
application



=== it may be given above the location, and works where there is no handler
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=@application;
    location / {
    }
    location @application {
        return 200 "application\n";
    }
--- memcached
/page = stored\n
--- request eval
['GET /page', 'GET /other']
--- cache eval
['HIT', 'MISS absent']
--- response_body eval
["stored\n", "application\n"]



=== it belongs to the server: two servers, one name
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_CLOSED_PORT;
        location / {
            rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=@application;
        }
        location @application {
            return 200 "the other server's\n";
        }
    }
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=@application;
    }
    location @application {
        return 200 "this server's\n";
    }
--- request
GET /page
--- cache: MISS absent
--- response_body
this server's
