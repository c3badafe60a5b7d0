# Another nginx binary takes over while requests come in, and back: USR2, WINCH, HUP, QUIT.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Holding;
use RustPageCache::Load;

my @pages = map { "/page/$_" } 1 .. 30;
memcached->set($_, "memcached $_\n") for @pages;
my $holding = RustPageCache::Holding->start(dir => scratch);

# nginx starts its successor by the name that it was started by, without a PATH.
my ($binary) = grep { -x } map { m{/} ? $_ : () } nginx_binary,
    map { "$_/" . nginx_binary } split(/:/, $ENV{PATH}), '/usr/sbin';
my $nginx = nginx(workers => 2, binary => $binary, server => <<"CONF");
    add_header X-Cache \$rust_page_cache_status;
    add_header X-Worker \$pid;
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location /hold {
        rust_page_cache @{[$holding->uri]} key=raw;
        rust_page_cache_timeout 30s;
    }
    location \@django {
        return 200 "fallback \$uri\\n";
    }
CONF
my %load = (
    dir     => scratch,
    port    => $nginx->port,
    targets => \@pages,
    bodies  => sub ($page) { ("memcached $page\n", "fallback $page\n") },
);
my @loads = (RustPageCache::Load->start(%load), RustPageCache::Load->start(%load, keepalive => 1));

sub workers_of ($master) {
    return wait_until(sub { my @pids = $nginx->worker_pids($master); @pids == 2 && {map { $_ => 1 } @pids} });
}

# Starts a second master beside the present one.
sub upgrade ($name) {
    my $old = $nginx->pid;
    # A signal that comes before the master has workers waits for the next one.
    workers_of($old);
    kill 'USR2', $old;
    my $new = wait_until(sub { my $pid = $nginx->pid; $pid && $pid != $old && $pid });
    ok $new, "$name: a second master" or diag $nginx->log;
    ok workers_of($new), "$name: with workers of its own";
    return ($old, $new);
}

# The old workers finish what they have begun, and leave.
sub retire ($name, $old, $new) {
    kill 'WINCH', $old;
    ok wait_until(sub { !$nginx->worker_pids($old) }), "$name: the old workers take no more requests";
    my $worker = $nginx->get('/page/1')->header('X-Worker');
    ok workers_of($new)->{$worker}, "$name: the new ones do";
    return;
}

# Forth and, since the new one is no good, back.
my ($old, $new) = upgrade('upgrade');
my @parked = map { $nginx->client->send(RustPageCache::Client::get("/hold/$_")) } 1 .. 20;
ok wait_until(sub { $holding->asked >= 20 }), 'upgrade: look-ups are under way in both';
retire('upgrade', $old, $new);
$holding->release;
is scalar(grep { $_ && $_->cache eq 'HIT' } map { $_->response } @parked), 20,
    'upgrade: those that were under way are answered';
ok wait_until(sub { !$nginx->leaving($old) }), 'upgrade: the old workers end';

kill 'HUP', $old;
ok workers_of($old), 'back: the old master has workers again';
kill 'QUIT', $new;
ok wait_until(sub { !RustPageCache::Nginx::alive($new) }), 'back: the new master ends';
ok wait_until(sub { ($nginx->pid // 0) == $old }), 'back: the old one has its file again';
is $nginx->get('/page/2')->cache, 'HIT', 'back: and serves';

# Forth for good.
($old, $new) = upgrade('again');
retire('again', $old, $new);
kill 'QUIT', $old;
ok wait_until(sub { !RustPageCache::Nginx::alive($old) }), 'again: the old master ends';
is $nginx->get('/page/3')->cache, 'HIT', 'again: the new one serves';
$nginx->succeed($new);

for my $load (@loads) {
    my $sum = $load->stop;
    cmp_ok $sum->{requests}, '>', 50, "$sum->{requests} requests were sent";
    cmp_ok $sum->{cached}, '>=', $sum->{requests} - 10, 'the cache has answered them';
    is $sum->{failures}, 0, 'none was lost' or diag explain $sum->{text};
}
$nginx->finish;

done_testing;
