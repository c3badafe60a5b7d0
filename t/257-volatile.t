# Variables are evaluated once per request, as everywhere in nginx: where README says that a map
# needs `volatile`, and that it is enough.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== a map that reads the response, used before and after it
--- http_config
    map $upstream_http_x_app $answered { volatile; default ""; ~. yes; }
    map $upstream_http_x_app $frozen   { default ""; ~. yes; }
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$uri$answered$frozen;
        add_header X-Answered $answered;
        add_header X-Frozen "[$frozen]";
        add_header X-Cache $rust_page_cache_status;
        proxy_pass http://127.0.0.1:$TEST_NGINX_APP_PORT;
    }
--- request
GET /page
--- cache: MISS
--- response_headers
X-Answered: yes
X-Frozen: []



=== a map of $uri and $args in uri=, with SSI
--- http_config
    map $uri?$args $stripped { volatile; default ""; ~^([^?]+)\?(page=\d+)? $1:$2; }
--- config
    location / {
        ssi on;
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw uri=$stripped;
    }
--- memcached
/page:page=2 = [<!--#include virtual="/a?page=1&utm=x" -->|<!--#include virtual="/b" -->]
/a:page=1 = part a
/b: = part b
--- request
GET /page?page=2&utm_source=x
--- cache: HIT
--- response_body chop
[part a|part b]
