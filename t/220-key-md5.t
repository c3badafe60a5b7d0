# key=md5: namespace, md5 of prefix and full path (djanginxed, nginx-redis-cache).

use v5.32;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use RustPageCache::Blocks;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== the prefix within the digest
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=md5 prefix=site1 namespace=:1:;
    }
--- init
use Digest::MD5 qw(md5_hex);
RustPageCache::memcached()->set(':1:' . md5_hex('site1/blog/?page=2'), "stored\n");
--- request
GET /blog/?page=2
--- cache: HIT
--- cache_key eval
use Digest::MD5 qw(md5_hex);
':1:' . md5_hex('site1/blog/?page=2')
--- response_body
stored



=== the prefix before the digest, as a part of the namespace
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=md5 namespace=:1:site1;
    }
--- init
use Digest::MD5 qw(md5_hex);
RustPageCache::memcached()->set(':1:site1' . md5_hex('/blog/'), "stored\n");
--- request
GET /blog/
--- cache: HIT
--- cache_key eval
use Digest::MD5 qw(md5_hex);
':1:site1' . md5_hex('/blog/')
--- response_body
stored



=== the host and the full path, from the core RedisCache
--- config
    location / {
        rust_page_cache $TEST_NGINX_REDIS/1 key=md5 uri=$http_host$rust_page_cache_full_path
            namespace=:1: fallback=@fallback;
    }
    location @fallback {
        return 200 "fallback\n";
    }
--- init
use Digest::MD5 qw(md5_hex);
use RustPageCache::Django qw(pickled_bytes);
RustPageCache::redis()->set(
    ':1:' . md5_hex('localhost/caf%C3%A9/?a=b'), pickled_bytes("stored\n"), 1);
--- request
GET /caf%c3%a9/?a=b
--- cache: HIT
--- response_body
stored



=== a key of any length makes a key that memcached takes
--- config
    location / {
        rust_page_cache $TEST_NGINX_MEMCACHED key=md5;
    }
--- init
use Digest::MD5 qw(md5_hex);
RustPageCache::memcached()->set(md5_hex('/' . 'a' x 1000), "stored\n");
--- request eval
'GET /' . 'a' x 1000
--- cache: HIT
--- response_body
stored
