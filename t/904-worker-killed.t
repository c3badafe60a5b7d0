# A worker that is killed takes its own clients along and nobody else's; the next one starts afresh.

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

my $nginx = nginx(
    workers => 2,
    listen  => 'reuseport',
    errors  => [qr/worker process \d+ exited on signal 9/],
    server  => <<"CONF",
    add_header X-Cache \$rust_page_cache_status;
    add_header X-Worker \$pid;
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location /worker {
        return 200 \$pid;
    }
    location /hold {
        rust_page_cache @{[$holding->uri]} key=raw;
        rust_page_cache_timeout 30s;
    }
    location \@django {
        return 200 "fallback \$uri\\n";
    }
CONF
);

# Connections of which is known whose they are: each has had an answer.
my %clients;
for (1 .. 40) {
    my $client = $nginx->client;
    my $answer = $client->send(RustPageCache::Client::get('/worker', Connection => 'keep-alive'))->response;
    push @{$clients{$answer->body}}, $client;
}
my ($dies, $lives) = sort $nginx->all_worker_pids;
is_deeply [sort keys %clients], [$dies, $lives], 'both workers have clients';

my @doomed  = @{$clients{$dies}};
my @waiting = @{$clients{$lives}};
$_->send(RustPageCache::Client::get("/hold/$dies"))  for @doomed;
$_->send(RustPageCache::Client::get("/hold/$lives")) for @waiting;
ok wait_until(sub { my %seen = map { $_ => 1 } $holding->gets; keys %seen == 2 }),
    'look-ups are under way in both';
my $before = memcached->stat('curr_connections');

# What it has accepted and not answered is lost with it, here and in the load; who comes later is
# not: with one socket for each worker even those in the queue of the dead one are answered.
kill 'KILL', $dies;
ok wait_until(sub { my @pids = $nginx->worker_pids; @pids == 2 && !grep { $_ == $dies } @pids }),
    'the master starts another';
my $load = RustPageCache::Load->start(
    dir     => scratch,
    port    => $nginx->port,
    targets => \@pages,
    bodies  => sub ($page) { "memcached $page\n" },
);
is scalar(grep { $_->response } @doomed), 0, 'its clients are gone with it';
$holding->release;
is scalar(grep { $_ && $_->cache eq 'HIT' } map { $_->response } @waiting), scalar @waiting,
    'the clients of the other have their answers';

my %served;
for (1 .. 60) {
    my $answer = $nginx->get($pages[$_ % @pages]);
    $served{$answer->header('X-Worker')}++ if $answer->cache eq 'HIT';
}
is_deeply [sort keys %served], [sort $nginx->all_worker_pids], 'the old one and the new one serve';
ok wait_until(sub { memcached->stat('curr_connections') <= 2 * 2 + 3 }),
    'no connection of the dead one is left';
my $sum = $load->stop;
is $sum->{failures}, 0, 'nobody else has noticed' or diag explain $sum->{text};
$nginx->finish;

# With several dead at once, again and again, under load: what is lost is what they had in hand.
$nginx = nginx(
    workers => 3,
    errors  => [qr/worker process \d+ exited on signal 9/],
    server  => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback \$uri\\n";
    }
CONF
);
use constant { KILLS => 6, CLIENTS => 3 };
$load = RustPageCache::Load->start(
    dir     => scratch,
    port    => $nginx->port,
    clients => CLIENTS,
    targets => \@pages,
    bodies  => sub ($page) { ("memcached $page\n", "fallback $page\n") },
);
for my $kill (1 .. KILLS) {
    my ($one, $two) = $nginx->all_worker_pids;
    kill 'KILL', $one, $two;
    wait_until(sub { my @pids = $nginx->worker_pids; @pids == 3 && !grep { $_ == $one || $_ == $two } @pids })
        or fail("kill $kill: the master starts others");
}
$sum = $load->stop;
cmp_ok $sum->{failures}, '<=', KILLS * CLIENTS, 'at most what was in hand is lost'
    or diag explain $sum->{text};
cmp_ok $sum->{cached}, '>', 20, 'the others are served';
is $nginx->get($pages[0])->cache, 'HIT', 'and all goes on';
$nginx->finish('several');

done_testing;
