# The headers of a hit: status 200, default_type, Content-Length, and what nginx adds.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== status, length and type
--- config
    location / {
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- error_code: 200
--- cache: HIT
--- response_headers
Content-Length: 7
Content-Type: text/html
Accept-Ranges: bytes
!Transfer-Encoding
!Last-Modified
!Content-Encoding
!Age
!Set-Cookie
--- response_body
stored



=== the type goes by the extension where `types` knows it, as with memcached_pass
--- config
    location / {
        types {
            text/css css;
        }
        default_type application/json;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page.css = {}
/page.txt = {}
/page = {}
--- request eval
['GET /page.css', 'GET /page.txt', 'GET /page']
--- cache eval
[('HIT') x 3]
--- response_headers eval
["Content-Type: text/css", "Content-Type: application/json", "Content-Type: application/json"]
--- response_body eval
[('{}') x 3]



=== Date and Server are nginx's
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- raw_response_headers_like: \AHTTP/1\.1 200 OK\r\nServer: nginx.*\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n



=== add_header
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        add_header X-Frame-Options DENY;
        add_header X-Cache $rust_page_cache_status;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- response_headers
X-Frame-Options: DENY
X-Cache: HIT
--- response_body
stored



=== expires
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        expires 1h;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: HIT
--- response_headers
Cache-Control: max-age=3600
--- response_body
stored



=== charset
--- config
    location / {
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
        charset utf-8;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: HIT
--- response_headers
Content-Type: text/html; charset=utf-8
--- response_body
stored



=== a body of every byte
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- init
RustPageCache::memcached()->set('/page', CORE::join '', map { chr } 0 .. 255);
--- request
GET /page
--- cache: HIT
--- response_headers
Content-Length: 256
--- response_body eval
CORE::join '', map { chr } 0 .. 255



=== a body that looks like the protocol
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- init
RustPageCache::memcached()->set('/page', "END\r\nVALUE /page 0 3\r\nfoo\r\nEND\r\n");
--- request eval
['GET /page', 'GET /page']
--- cache eval
['HIT', 'HIT']
--- response_body eval
[("END\r\nVALUE /page 0 3\r\nfoo\r\nEND\r\n") x 2]



=== the same from Redis
--- config
    location / {
        rust_page_cache $TEST_NGINX_REDIS key=raw;
    }
--- init
RustPageCache::redis()->set('/page', "\r\n\$-1\r\n+OK\r\n");
--- request eval
['GET /page', 'GET /page']
--- cache eval
['HIT', 'HIT']
--- response_body eval
[("\r\n\$-1\r\n+OK\r\n") x 2]
