# Named locations do not inherit the directive.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== from the server
--- config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    location / {
        rust_page_cache off;
        try_files /none @application;
    }
    location @application {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request
GET /page
--- cache:
--- response_body
app GET /page



=== from the http block
--- http_config
    rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
--- config
    location / {
        rust_page_cache off;
        try_files /none @application;
    }
    location @application {
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- own_django
--- memcached
/page = stored\n
--- request
GET /page
--- cache:
--- response_body
app GET /page



=== and may have it themselves, with the companions inherited
--- config
    rust_page_cache_bypass $arg_nocache;
    location / {
        try_files /none @cache;
    }
    location @cache {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$uri;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- memcached
/page = stored\n
--- request eval
['GET /page', 'GET /page?nocache=1']
--- cache eval
['HIT', 'BYPASS bypass']
--- response_body eval
["stored\n", "app GET /page?nocache=1\n"]
