# ETag: a strong one made of the bytes of the page, the same everywhere.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
memcached->set('/page',  "stored\n");
memcached->set('/twin',  "stored\n");
memcached->set('/other', "another\n");
redis->set('/page', "stored\n");

my $server = <<"CONF";
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw uri=/page;
    }
    location /off {
        rust_page_cache @{[memcached->uri]} key=raw uri=/page;
        rust_page_cache_etag off;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
my $one = nginx(server => $server, workers => 2);
my $two = nginx(server => $server);

my $etag = $one->get('/page')->header('ETag');
like $etag, qr/\A"[!#-~]{16,64}"\z/, 'it is a strong entity-tag';
is $one->get('/page')->header('ETag'), $etag, 'and the same again' for 1 .. 8;
is $one->get('/twin')->header('ETag'), $etag, 'for the same bytes under another key';
is $one->get('/redis')->header('ETag'), $etag, 'from another store';
is $two->get('/page')->header('ETag'), $etag, 'in another nginx';
isnt $one->get('/other')->header('ETag'), $etag, 'other bytes have another';
is $one->request('HEAD', '/page')->header('ETag'), $etag, 'and HEAD has it too';

my $off = $one->get('/off');
is $off->cache, 'HIT', 'rust_page_cache_etag off: a hit';
is $off->header('ETag'), undef, 'rust_page_cache_etag off: without one';
is $one->get('/off', 'If-None-Match' => $etag)->status, 200,
    'rust_page_cache_etag off: and nothing to compare with';

is $one->get('/none')->header('ETag'), undef, 'a fallback gets none from us';

$_->finish for $one, $two;

done_testing;
