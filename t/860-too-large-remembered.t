# A key that was too large is not asked for again for ten seconds.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use Compress::Zlib ();

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page);
use Time::HiRes qw(sleep time);

memcached->set('/large', 'x' x 2_000);
memcached->set('/page',  "stored\n");
memcached->set('/zlib', Compress::Zlib::compress('x' x 2_000), 8);
my $uri = 'http://localhost/django';
memcached->set(header_key(uri => $uri), pickled_list(), 1);
memcached->set(page_key(uri => $uri), Compress::Zlib::compress(pickled_page(body => 'x' x 2_000)), 8);

my $nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
        rust_page_cache_max_size 1k;
    }
    location /django {
        rust_page_cache @{[memcached->uri]};
        rust_page_cache_max_size 1k;
    }
    # Another location that reads the same key, and does not inflate it.
    location /as-it-is {
        rust_page_cache @{[memcached->uri]} key=raw uri=/zlib;
        rust_page_cache_max_size 1k;
        rust_page_cache_gzip_flag 8;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
my $begin = time;
is $nginx->get('/large')->cache, 'ERROR too-large', 'asked for, and too large';
my $asked = memcached->stat('cmd_get');
for my $turn (1 .. 5) {
    my $response = $nginx->get('/large');
    is $response->cache, 'ERROR too-large', "$turn: still";
    is $response->body, "fallback\n", "$turn: the fallback answers";
}
is memcached->stat('cmd_get'), $asked, 'and the store was not asked';
is $nginx->get('/page')->cache, 'HIT', 'other keys are';

# What is too large only when it is inflated.
for my $path ('/zlib', '/django') {
    is $nginx->get($path)->cache, 'ERROR too-large', "$path: inflates to too much";
    $asked = memcached->stat('cmd_get');
    is $nginx->get($path)->cache, 'ERROR too-large', "$path: still" for 1 .. 20;
    cmp_ok memcached->stat('cmd_get') - $asked, '<=', $path eq '/zlib' ? 0 : 20, "$path: not asked for";
}
is $nginx->get('/as-it-is')->cache, 'HIT', 'which is nothing to who does not inflate it';

memcached->set('/large', "small now\n");
is $nginx->get('/large')->cache, 'ERROR too-large', 'a new value is not seen at once';
sleep 8 - (time - $begin);
is $nginx->get('/large')->cache, 'ERROR too-large', 'nor eight seconds after the look-up';
my $hit = wait_until(sub { $nginx->get('/large')->cache eq 'HIT' }, 5);
ok $hit, 'but soon after ten';
cmp_ok time - $begin, '>', 9.5, 'not before';

$nginx->finish;

done_testing;
