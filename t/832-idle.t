# Idle connections: the kernel watches over them, and after a minute they are closed; a server
# that nobody asks is forgotten.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Later;
use Time::HiRes qw(sleep);

my $later = RustPageCache::Later->new(dir => scratch);

# The timer of a connection to a port, as the kernel shows it (Documentation/networking/proc_net_tcp):
# which one is running, and when it fires, in hundredths of a second.
sub timer ($port) {
    my $remote = sprintf '0100007F:%04X', $port;
    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
    my @found = map { (split)[2] eq $remote && (split)[3] eq '01' ? (split)[5] : () } <$in>;
    return map { my ($which, $when) = map { hex } split /:/; [$which, $when] } @found;
}

# Nothing of it is for the store; the worker wakes up.
sub wake ($nginx) { is $nginx->get('/awake')->body, "awake\n", 'the worker is awake'; return }

my %store = (
    memcached => fake_memcached(sub ($c, $key) { $c->value($key, "stored\n") }),
    redis     => fake_redis(sub ($c, $key) { $c->bulk("stored\n") }),
);

for my $name (sort keys %store) {
    my $store = $store{$name};
    local @ENV{'LD_PRELOAD', 'LATER'} = {$later->environment}->@{qw(LD_PRELOAD LATER)};
    my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
    }
    location /awake {
        return 200 "awake\\n";
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    is $nginx->get('/page')->cache, 'HIT', "$name: a hit";
    is scalar(timer($store->port)), 1, "$name: one connection";
    my ($timer) = timer($store->port);
    is $timer->[0], 2, "$name: which is kept alive";
    cmp_ok $timer->[1], '<=', 3_000, "$name: after half a minute at most";

    # It lives as long as it is used now and then.
    for (1 .. 3) {
        $later->pass(40);
        is $nginx->get('/page')->cache, 'HIT', "$name: forty seconds later";
    }
    is $store->connections, 1, "$name: still the same connection";
    $later->pass(59);
    wake($nginx);
    sleep 0.3;
    is $store->closed, 0, "$name: not yet a minute";
    $later->pass(2);
    wake($nginx);
    ok wait_until(sub { $store->closed == 1 }), "$name: closed after a minute";
    is $nginx->get('/page')->cache, 'HIT', "$name: whoever comes next gets another one";
    is $store->connections, 2, "$name: and only one";

    # Neither keeps a worker that leaves.
    $nginx->finish($name);
}

# A server that is down, and that nobody's balancer picks any more: whoever has its address by now
# is told nothing, above all no password.
my $left  = fake_redis(sub ($c, $key) { $c->bulk("left\n") });
my $right = fake_redis(sub ($c, $key) { $c->bulk("right\n") });
local @ENV{'LD_PRELOAD', 'LATER'} = {$later->environment}->@{qw(LD_PRELOAD LATER)};
my $nginx = nginx(
    errors => ['rust_page_cache: redis ' . $left->address . ' is down'],
    http   => "upstream pages { server @{[$left->address]} fail_timeout=30s; server @{[$right->address]}; }",
    server => <<'CONF',
    location / {
        rust_page_cache redis://:sesame@pages key=raw;
    }
    location /awake {
        return 200 "awake\n";
    }
    location @django {
        return 200 "fallback\n";
    }
CONF
);
my %seen = map { $nginx->get('/page')->body => 1 } 1 .. 4;
is_deeply [sort keys %seen], ["left\n", "right\n"], 'both are asked';
$left->stop;
my $down = sub { scalar(() = $nginx->log_lines('is down')) };
ok wait_until(sub { $nginx->get('/page'); $down->() }), 'one of them goes';
# One trial, by the look-up that failed.
sleep 0.5;
my $stranger = fake_redis(sub ($c, $key) { $c->bulk("stranger\n") }, port => $left->port);
for (1 .. 30) {
    is $nginx->get('/page')->body, "right\n", 'the other one answers';
    sleep 0.1;
}
is_deeply [$stranger->journal], [], 'a stranger at the address of the first is not asked';

# When the balancer gives it another chance it is tried, and used when it was well.
$later->pass(31);
my $again = sub { $nginx->get('/page')->body eq "stranger\n" };
ok wait_until($again), 'until the balancer picks it again';
is $down->(), 1, 'by a trial, not by a look-up';

# After a minute without use it is forgotten, and asked like any other server.
$stranger->stop;
ok wait_until(sub { $nginx->get('/page'); $down->() == 2 }), 'down again';
$later->pass(29);
$nginx->get('/page') for 1 .. 4;
$later->pass(32);
wake($nginx) for 1 .. 2;
sleep 0.3;
ok wait_until(sub { $nginx->get('/page'); $down->() == 3 }, 3), 'a server that was forgotten is asked anew';
$nginx->finish('a server that left');

done_testing;
