# A page comes from memcached: over TCP, over a unix socket, by name.

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
        rust_page_cache memcached://127.0.0.1:$TEST_NGINX_MEMCACHED_PORT key=raw;
        add_header X-Cache $rust_page_cache_status;
        add_header X-Store $rust_page_cache_store;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- response_headers
X-Cache: HIT
X-Store: 127.0.0.1:$TEST_NGINX_MEMCACHED_PORT
--- response_body
stored



=== over a unix socket
--- config
    location / {
        rust_page_cache memcached://unix:$TEST_NGINX_MEMCACHED_SOCKET key=raw;
        add_header X-Cache $rust_page_cache_status;
        add_header X-Store $rust_page_cache_store;
    }
--- init
RustPageCache::memcached_unix()->set('/page', "stored\n");
--- request
GET /page
--- response_headers
X-Cache: HIT
X-Store: unix:$TEST_NGINX_MEMCACHED_SOCKET
--- response_body
stored



=== by a host name, resolved when the configuration is read
--- config
    location / {
        rust_page_cache memcached://localhost:$TEST_NGINX_MEMCACHED_PORT key=raw;
        rust_page_cache_timeout 2s;
    }
--- memcached
/page = stored\n
--- request eval
[('GET /page') x 6]
--- error_code eval
[(200) x 6]
--- response_body_like eval
# A name that also has an IPv6 address may fail on that one first.
[('stored|app GET /page') x 5, "^stored\n\$"]
--- may_error
localhost
[::1]



=== a key that memcached does not hold is a miss
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/other = stored\n
--- request
GET /page
--- cache: MISS absent
--- cache_key: /page
--- response_body
app GET /page
