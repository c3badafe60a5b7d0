# A store that accepts and says nothing: the budget, then `down`, then back again.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep time);

my %store = (memcached => memcached, redis => redis);

for my $name (sort keys %store) {
    my $store = $store{$name}->set('/page', "stored\n");
    my $nginx = nginx(
        errors => [$store->address],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
        rust_page_cache_timeout 400ms;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    is $nginx->get('/page')->cache, 'HIT', "$name: a hit";

    $store->freeze;
    my $begin = time;
    my $first = $nginx->get('/page');
    my $took  = time - $begin;
    is $first->cache, 'ERROR timeout', "$name stalls: timeout";
    is $first->body, "fallback\n", "$name stalls: the fallback answers";
    cmp_ok $took, '>=', 0.35, "$name stalls: after its budget, not before";
    cmp_ok $took, '<', 3, "$name stalls: and soon after it";

    $begin = time;
    my @after = map { $nginx->get('/page') } 1 .. 20;
    cmp_ok time - $begin, '<', 4, "$name stalls: the next do not wait";
    is scalar(grep { $_->cache eq 'ERROR down' } @after), 20, "$name stalls: it is down";
    is scalar(() = $nginx->log_lines('\[(?:error|crit|alert)\]')), 1, "$name stalls: one line";

    $store->thaw;
    ok wait_until(sub { $nginx->get('/page')->cache eq 'HIT' }, 4), "$name goes on: hits again";
    is $nginx->get('/page')->body, "stored\n", "$name goes on: the page";
    $nginx->finish($name);
}

# The default budget is 250 ms.
my $silent = fake_memcached(sub ($c, $key) { $c->stall });
my $nginx  = nginx(
    errors           => [$silent->address],
    default_timeouts => 1,
    server           => <<"CONF",
    location / {
        rust_page_cache @{[$silent->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
my $begin = time;
is $nginx->get('/page')->cache, 'ERROR timeout', 'the default: timeout';
cmp_ok time - $begin, '>=', 0.2, 'the default: not before a quarter of a second';
cmp_ok time - $begin, '<', 3, 'the default: and soon after it';

# While it is wanted: one trial at a time, and fewer and fewer.
my $opened = $silent->connections;
my $end    = time + 2;
my %outcome;
while (time < $end) {
    $outcome{$nginx->get('/page')->cache}++;
    sleep 0.02;
}
is_deeply [keys %outcome], ['ERROR down'], 'the default: still down';
cmp_ok $silent->connections - $opened, '<=', 10, 'the default: tried now and then';
cmp_ok $silent->connections - $opened, '>=', 1, 'the default: but tried';

# While nobody wants it, not at all, but for what was wanted before.
sleep 1.3;
$opened = $silent->connections;
sleep 2.5;
is $silent->connections, $opened, 'the default: not tried while nobody wants it';
$nginx->finish('the default');

done_testing;
