# A key that was too large is not asked for again for ten seconds.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep time);

memcached->set('/large', 'x' x 2_000);
memcached->set('/page',  "stored\n");

my $nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
        rust_page_cache_max_size 1k;
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

memcached->set('/large', "small now\n");
is $nginx->get('/large')->cache, 'ERROR too-large', 'a new value is not seen at once';
sleep 8 - (time - $begin);
is $nginx->get('/large')->cache, 'ERROR too-large', 'nor eight seconds after the look-up';
my $hit = wait_until(sub { $nginx->get('/large')->cache eq 'HIT' }, 5);
ok $hit, 'but soon after ten';
cmp_ok time - $begin, '>', 9.5, 'not before';

$nginx->finish;

done_testing;
