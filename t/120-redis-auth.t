# Redis asks for a password, or for a user and a password.

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== a password, percent-encoded
--- config
    location / {
        rust_page_cache redis://:s3cr%3At%2Fp%40ss@127.0.0.1:$TEST_NGINX_REDIS_AUTH_PORT key=raw;
    }
--- init
RustPageCache::redis_auth()->set('/page', "stored\n");
--- request
GET /page
--- cache: HIT
--- response_body
stored



=== a user who may only read, and a database
--- config
    location / {
        rust_page_cache redis://page-cache:us3r%25pw@127.0.0.1:$TEST_NGINX_REDIS_AUTH_PORT/3 key=raw;
    }
--- init
RustPageCache::redis_auth()->set('/page', "in 3\n", 3);
--- request
GET /page
--- cache: HIT
--- response_body
in 3



=== the credentials stand before an upstream's name too
--- http_config
    upstream pages {
        server 127.0.0.1:$TEST_NGINX_REDIS_AUTH_PORT;
    }
--- config
    location / {
        rust_page_cache redis://page-cache:us3r%25pw@pages/3 key=raw;
    }
--- init
RustPageCache::redis_auth()->set('/page', "in 3\n", 3);
--- request
GET /page
--- cache: HIT
--- response_body
in 3



=== a wrong password: the fallback, and one line that does not show it
--- config
    location / {
        rust_page_cache redis://:wr0ng-secret@127.0.0.1:$TEST_NGINX_REDIS_AUTH_PORT key=raw;
    }
--- request
GET /page
--- cache: ERROR auth
--- response_body
app GET /page
--- grep_error_log eval
qr/\[error\]|wr0ng-secret/
--- grep_error_log_out
[error]
--- may_error
127.0.0.1:$TEST_NGINX_REDIS_AUTH_PORT



=== no password where one is needed
--- config
    location / {
        rust_page_cache redis://127.0.0.1:$TEST_NGINX_REDIS_AUTH_PORT key=raw;
    }
--- request
GET /page
--- cache: ERROR auth
--- response_body
app GET /page
--- may_error
127.0.0.1:$TEST_NGINX_REDIS_AUTH_PORT



=== a password where none is set
--- config
    location / {
        rust_page_cache redis://:unneeded@127.0.0.1:$TEST_NGINX_REDIS_PORT key=raw;
    }
--- request
GET /page
--- cache: ERROR auth
--- response_body
app GET /page
--- may_error
127.0.0.1:$TEST_NGINX_REDIS_PORT



=== a database that the server does not have
--- config
    location / {
        rust_page_cache redis://127.0.0.1:$TEST_NGINX_REDIS_PORT/9999 key=raw;
    }
--- request
GET /page
--- cache: ERROR auth
--- response_body
app GET /page
--- may_error
127.0.0.1:$TEST_NGINX_REDIS_PORT
