# A key that the store cannot take is not asked for.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== memcached takes 250 bytes
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- init
RustPageCache::memcached()->set('/' . 'a' x 249, "stored\n");
--- request eval
'GET /' . 'a' x 249
--- cache: HIT
--- response_body
stored



=== and not 251
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- request eval
'GET /' . 'a' x 250
--- cache: BYPASS key
--- cache_key:
--- response_body eval
'app GET /' . 'a' x 250 . "\n"



=== memcached takes no space, which would end the key
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$uri;
    }
--- request
GET /a%20b
--- cache: BYPASS key
--- response_body
app GET /a%20b



=== nor a line break, which would start a command of the client's own
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$uri;
    }
--- memcached
/page = stored\n
--- request
GET /x%0D%0Aflush_all%0D%0Aget%20/page
--- cache: BYPASS key
--- response_body
app GET /x%0D%0Aflush_all%0D%0Aget%20/page



=== nor DEL
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$uri;
    }
--- request
GET /a%7Fb
--- cache: BYPASS key
--- response_body
app GET /a%7Fb



=== nor an empty key
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$arg_none;
    }
--- request
GET /page
--- cache: BYPASS key
--- response_body
app GET /page



=== memcached takes bytes above 0x7f
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$uri;
    }
--- memcached
/caf\xc3\xa9 = stored\n
--- request
GET /caf%C3%A9
--- cache: HIT
--- response_body
stored



=== Redis takes all of these
--- config
    location / {
        rust_page_cache $TEST_NGINX_REDIS key=raw uri=$uri;
        add_header X-Cache $rust_page_cache_status;
    }
--- redis
/a b\r\nget \x7f = stored\n
--- request
GET /a%20b%0D%0Aget%20%7F
--- response_headers
X-Cache: HIT
--- response_body
stored



=== and long keys
--- config
    location / {
        rust_page_cache $TEST_NGINX_REDIS key=raw;
        add_header X-Cache $rust_page_cache_status;
    }
--- init
RustPageCache::redis()->set('/' . 'a' x 1000, "stored\n");
--- request eval
'GET /' . 'a' x 1000
--- response_headers
X-Cache: HIT
--- response_body
stored
