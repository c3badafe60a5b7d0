# HEAD: the headers of the page, and no body.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== of a stored page
--- config
    location / {
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = stored\n
--- request
HEAD /page
--- cache: HIT
--- response_headers
Content-Length: 7
Content-Type: text/html
--- raw_response_headers_like: ETag: "[^"]+"
--- response_body



=== of a page that is not stored: the application gets a HEAD
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- request
HEAD /page
--- cache: MISS absent
--- response_headers
X-App: HEAD /page
--- response_body
