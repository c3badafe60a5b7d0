# The module loads, and changes nothing where it is not asked to.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== without the directive a request is as it was
--- config
    location / {
        return 200 "[$rust_page_cache_status][$rust_page_cache_reason][$rust_page_cache_key][$rust_page_cache_store][$rust_page_cache_time][$rust_page_cache_full_path]\n";
    }
--- request
GET /page/?a=1
--- cache:
--- cache_key:
--- response_body
[][][][][][/page/?a=1]



=== `off` is the default, and can be written
--- config
    rust_page_cache off;
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- request
GET /page
--- cache:
--- cache_key:
--- response_body
app GET /page



=== the directive serves a stored page
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache: HIT
--- cache_key: /page
--- response_body
stored
