# SSI includes of cached locations.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== a stored page includes stored parts
--- config
    location / {
        ssi on;
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = [<!--#include virtual="/a" -->|<!--#include virtual="/b?x=1" -->]
/a = part a
/b?x=1 = part b
--- request
GET /page
--- cache: HIT
--- response_body chop
[part a|part b]



=== a part that is not stored comes from the fallback
--- config
    location / {
        ssi on;
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = [<!--#include virtual="/a" -->|<!--#include virtual="/b" -->|<!--#include virtual="/c" -->]
/a = part a
/c = part c
--- request
GET /page
--- cache: HIT
--- response_body chop
[part a|app GET /b
|part c]



=== the page from the fallback, the parts from the cache
--- config
    ssi on;
    root $TEST_NGINX_SERVER_ROOT/html;
    default_type text/html;
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw fallback=next;
    }
--- user_files
>>> page
[<!--#include virtual="/a" -->]
--- memcached
/a = part a
--- request
GET /page
--- cache: MISS absent
--- response_body
[part a]



=== an include waits for another, and includes include
--- config
    location / {
        ssi on;
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = 1<!--#include virtual="/a" wait="yes" -->2<!--#include virtual="/a" -->3
/a = (<!--#include virtual="/b" -->)
/b = b
--- request
GET /page
--- cache: HIT
--- response_body chop
1(b)2(b)3



=== an include into a variable
--- config
    location / {
        ssi on;
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = <!--#include virtual="/a" set="part" -->[<!--#echo var="part" -->]
/a = part a
--- request
GET /page
--- cache: HIT
--- response_body chop
[part a]



=== many includes of one page: all in their place
--- config
    location / {
        ssi on;
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- init
my $store = RustPageCache::memcached();
$store->set('/page', CORE::join ',', map { qq(<!--#include virtual="/$_" -->) } 1 .. 40);
$store->set("/$_", "part $_") for 1 .. 40;
--- request
GET /page
--- cache: HIT
--- response_body eval
CORE::join ',', map { "part $_" } 1 .. 40



=== each subrequest has a decision and a key of its own
--- http_config
    log_format cache '$uri $rust_page_cache_status $rust_page_cache_reason $rust_page_cache_key.';
--- config
    log_subrequest on;
    access_log $TEST_NGINX_SERVER_ROOT/logs/access.log cache;
    location / {
        ssi on;
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = [<!--#include virtual="/a" -->|<!--#include virtual="/b" -->]
/a = part a
--- request
GET /page
--- cache: HIT
--- access_log
/a HIT  /a.
/b MISS absent /b.
/page HIT  /page.



=== HEAD of a page with includes
--- config
    location / {
        ssi on;
        default_type text/html;
        rust_page_cache $TEST_NGINX_MEMCACHED key=raw;
    }
--- memcached
/page = [<!--#include virtual="/a" -->]
/a = part a
--- request
HEAD /page
--- cache: HIT
--- response_body
