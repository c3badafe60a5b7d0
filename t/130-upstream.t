# STORE may be the name of an `upstream {}`: nginx balances.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== memcached by the name of an upstream
--- http_config
    upstream pages {
        server 127.0.0.1:$TEST_NGINX_MEMCACHED_PORT;
    }
--- config
    location / {
        rust_page_cache memcached://pages key=raw;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: HIT
--- response_body
stored



=== Redis by the name of an upstream, with a database
--- http_config
    upstream pages {
        server unix:$TEST_NGINX_REDIS_SOCKET;
    }
--- config
    location / {
        rust_page_cache redis://pages/1 key=raw;
    }
--- init
RustPageCache::redis()->set('/page', "in 1\n", 1);
--- request
GET /page
--- cache: HIT
--- response_body
in 1



=== the upstream may come later in the file
--- config
    location / {
        rust_page_cache memcached://pages key=raw;
    }
--- http_config
    server {
        listen unix:$TEST_NGINX_SCRATCH/early.sock;
        rust_page_cache memcached://pages key=raw;
        location / {
            proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
        }
        location @django {
            return 200;
        }
    }
    upstream pages {
        server 127.0.0.1:$TEST_NGINX_MEMCACHED_PORT;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: HIT
--- response_body
stored



=== the upstream's own directives do no harm
--- http_config
    upstream pages {
        zone pages 64k;
        least_conn;
        server 127.0.0.1:$TEST_NGINX_MEMCACHED_PORT weight=2 max_fails=3 fail_timeout=5s;
        keepalive 8;
    }
--- config
    location / {
        rust_page_cache memcached://pages key=raw;
    }
--- memcached
/page = stored\n
--- request eval
[('GET /page') x 5]
--- cache eval
[('HIT') x 5]
--- response_body eval
[("stored\n") x 5]



=== an upstream whose only server is `down`
--- http_config
    upstream pages {
        server 127.0.0.1:$TEST_NGINX_MEMCACHED_PORT down;
    }
--- config
    location / {
        rust_page_cache memcached://pages key=raw;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: ERROR down
--- response_body
app GET /page
--- may_error
pages
no live upstreams
