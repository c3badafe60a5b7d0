# An empty value is no page.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== in memcached
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page =
--- request
GET /page
--- cache: MISS absent
--- response_body
app GET /page



=== in Redis
--- config
    location / {
        rust_page_cache $TEST_NGINX_REDIS key=raw;
    }
--- redis
/page =
--- request
GET /page
--- cache: MISS absent
--- response_body
app GET /page
