# rust_page_cache_gzip_flag: values that are gzip already.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(pickled_bytes);
use IO::Compress::Gzip qw(gzip);
use IO::Uncompress::Gunzip qw(gunzip);

my $page = "stored page\n" x 100;
gzip(\$page, \my $zipped);
memcached->set('zipped', $zipped, 2);
memcached->set('both',   $zipped, 2 | 16);
memcached->set('plain',  $page,   0);
memcached->set('other',  $page,   16);

my $nginx = nginx(errors => ['memcached flags'], server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
        rust_page_cache_gzip_flag 2;
    }
    location /gunzip {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
        rust_page_cache_gzip_flag 2;
        gunzip on;
    }
    location /magic/memcached {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
        rust_page_cache_gzip_flag magic;
        gunzip on;
    }
    location /magic/redis {
        rust_page_cache @{[redis->uri]} key=raw uri=\$arg_key;
        rust_page_cache_gzip_flag magic;
        gunzip on;
    }
    location /plain/memcached {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
    }
    location /plain/redis {
        rust_page_cache @{[redis->uri]} key=raw uri=\$arg_key;
    }
    location /without {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

for my $key ('zipped', 'both') {
    my $response = $nginx->get("/?key=$key", 'Accept-Encoding' => 'gzip');
    is $response->cache, 'HIT', "$key: a hit";
    is $response->header('Content-Encoding'), 'gzip', "$key: the flag is set";
    is $response->body, $zipped, "$key: sent as it is stored";
    is $response->header('Content-Length'), length $zipped, "$key: length";

    my $unzipped = $nginx->get("/gunzip?key=$key");
    is $unzipped->header('Content-Encoding'), undef, "$key: gunzip for who takes no gzip";
    is $unzipped->body, $page, "$key: gunzip gives the page";
    is $nginx->get("/gunzip?key=$key", 'Accept-Encoding' => 'gzip')->body, $zipped,
        "$key: gunzip leaves it for who does";
}
for my $key ('plain', 'other') {
    my $response = $nginx->get("/?key=$key", 'Accept-Encoding' => 'gzip');
    is $response->header('Content-Encoding'), undef, "$key: the flag is not set";
    is $response->body, $page, "$key: the page";
}
for my $key ('zipped', 'both') {
    my $without = $nginx->get("/without?key=$key", 'Accept-Encoding' => 'gzip');
    is $without->cache, 'MISS flags', "$key: 0 is the default: no flag means gzip";
    is $without->body, "fallback\n", "$key: the fallback answers";
}

# By the first bytes, whatever the store; Redis has no flags.
memcached->set('unmarked', $zipped, 0);
memcached->set('pickled',  pickled_bytes($zipped), 1);
memcached->set('page',     $page, 0);
memcached->set('start',    "\x1f\x8b and so on", 0);
redis->set('unmarked', $zipped);
redis->set('pickled',  pickled_bytes($zipped));
redis->set('page',     $page);
redis->set('start',    "\x1f\x8b and so on");
for my $store ('memcached', 'redis') {
    for my $key ('unmarked', 'pickled') {
        my $response = $nginx->get("/magic/$store?key=$key", 'Accept-Encoding' => 'gzip');
        is $response->cache, 'HIT', "magic, $store, $key: a hit";
        is $response->header('Content-Encoding'), 'gzip', "magic, $store, $key: gzip";
        is $response->body, $zipped, "magic, $store, $key: sent as it is";
        my $unzipped = $nginx->get("/magic/$store?key=$key");
        is $unzipped->header('Content-Encoding'), undef, "magic, $store, $key: gunzip";
        is $unzipped->body, $page, "magic, $store, $key: the page";
    }
    for my $key ('page', 'start') {
        my $response = $nginx->get("/magic/$store?key=$key", 'Accept-Encoding' => 'gzip');
        is $response->cache, 'HIT', "magic, $store, $key: a hit";
        is $response->header('Content-Encoding'), undef, "magic, $store, $key: no gzip";
        is $response->body, $key eq 'page' ? $page : "\x1f\x8b and so on", "magic, $store, $key: the page";
    }
    is $nginx->get("/plain/$store?key=unmarked")->header('Content-Encoding'), undef,
        "$store: not without magic";
}
is $nginx->get('/magic/memcached?key=zipped')->cache, 'MISS flags', 'magic: flags are flags';

$nginx->finish;

done_testing;
