# A page comes from Redis: over TCP, over a unix socket, from a numbered database.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== over TCP
--- config
    location / {
        rust_page_cache redis://127.0.0.1:$TEST_NGINX_REDIS_PORT key=raw;
        add_header X-Cache $rust_page_cache_status;
        add_header X-Store $rust_page_cache_store;
    }
--- redis
/page = stored\n
--- request
GET /page
--- response_headers
X-Cache: HIT
X-Store: 127.0.0.1:$TEST_NGINX_REDIS_PORT
--- response_body
stored



=== over a unix socket
--- config
    location / {
        rust_page_cache redis://unix:$TEST_NGINX_REDIS_SOCKET key=raw;
        add_header X-Cache $rust_page_cache_status;
        add_header X-Store $rust_page_cache_store;
    }
--- redis
/page = stored\n
--- request
GET /page
--- response_headers
X-Cache: HIT
X-Store: unix:$TEST_NGINX_REDIS_SOCKET
--- response_body
stored



=== database 0 is the default
--- config
    location / {
        rust_page_cache redis://127.0.0.1:$TEST_NGINX_REDIS_PORT key=raw;
    }
--- init
RustPageCache::redis()->set('/page', "in 0\n", 0)->set('/page', "in 1\n", 1);
--- request
GET /page
--- cache: HIT
--- response_body
in 0



=== a database by its number
--- config
    location / {
        rust_page_cache redis://127.0.0.1:$TEST_NGINX_REDIS_PORT/1 key=raw;
    }
--- init
RustPageCache::redis()->set('/page', "in 0\n", 0)->set('/page', "in 1\n", 1);
--- request
GET /page
--- cache: HIT
--- response_body
in 1



=== a database over a unix socket: a final `:/digits`
--- config
    location / {
        rust_page_cache redis://unix:$TEST_NGINX_REDIS_SOCKET:/1 key=raw;
    }
--- init
RustPageCache::redis()->set('/page', "in 0\n", 0)->set('/page', "in 1\n", 1);
--- request
GET /page
--- cache: HIT
--- response_body
in 1



=== two databases of one server beside each other
--- config
    location /zero {
        rust_page_cache $TEST_NGINX_REDIS/0 key=raw uri=/page;
    }
    location /two {
        rust_page_cache $TEST_NGINX_REDIS/2 key=raw uri=/page;
    }
--- init
RustPageCache::redis()->set('/page', "in 0\n", 0)->set('/page', "in 2\n", 2);
--- request eval
['GET /zero', 'GET /two', 'GET /zero', 'GET /two']
--- cache eval
[('HIT') x 4]
--- response_body eval
["in 0\n", "in 2\n", "in 0\n", "in 2\n"]



=== a key that Redis does not hold is a miss
--- config
    location / {
        rust_page_cache $TEST_NGINX_REDIS key=raw;
    }
--- redis
/other = stored\n
--- request
GET /page
--- cache: MISS absent
--- response_body
app GET /page
