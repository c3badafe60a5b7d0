# A Redis that lets us in later: hits as soon as it does.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep);

my $redis = RustPageCache::Redis->start(dir => scratch, name => 'open');
$redis->set('/page', "stored\n");

my $nginx = nginx(
    errors => [$redis->address],
    server => <<"CONF",
    location / {
        rust_page_cache redis://:later\@@{[$redis->address]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
is $nginx->get('/page')->cache, 'ERROR auth', 'a password where none is set';
is $nginx->get('/page')->body, "fallback\n", 'the fallback answers';
# Some trials, none of which is let in.
for (1 .. 20) { $nginx->get('/page'); sleep 0.05 }
$redis->ask('CONFIG', 'SET', 'requirepass', 'later');
ok wait_until(sub { $nginx->get('/page')->cache eq 'HIT' }, 4), 'once it is set, hits';
is $nginx->get('/page')->body, "stored\n", 'the page';

$nginx->finish;

done_testing;
