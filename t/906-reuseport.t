# Four workers with a socket each: all serve, each with connections of its own, through reloads.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Load;

use constant { WORKERS => 4, CONNECTIONS => 2 };

my @pages = map { "/page/$_" } 1 .. 30;
memcached->set($_, "memcached $_\n") for @pages;
my $before = memcached->stat('curr_connections');
my $nginx  = nginx(workers => WORKERS, listen => 'reuseport', server => <<"CONF");
    add_header X-Cache \$rust_page_cache_status;
    add_header X-Worker \$pid;
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback \$uri\\n";
    }
CONF

sub served ($n) {
    my %hits;
    for my $i (1 .. $n) {
        my $answer = $nginx->get($pages[$i % @pages]);
        $hits{$answer->header('X-Worker')}++ if $answer->cache eq 'HIT';
    }
    return \%hits;
}

my $hits = served(200);
is_deeply [sort keys %$hits], [sort $nginx->all_worker_pids], 'every worker serves from the cache';
my $sum = 0;
$sum += $_ for values %$hits;
is $sum, 200, 'every time';
my $opened = memcached->stat('curr_connections') - $before;
cmp_ok $opened, '>=', WORKERS, 'each with a connection of its own';
cmp_ok $opened, '<=', WORKERS * CONNECTIONS, 'and no more than it may have';

my $load = RustPageCache::Load->start(
    dir     => scratch,
    port    => $nginx->port,
    clients => 3,
    targets => \@pages,
    bodies  => sub ($page) { "memcached $page\n" },
);
for my $turn (1 .. 5) {
    my %old = map { $_ => 1 } $nginx->all_worker_pids;
    ok $nginx->reload, "reload $turn";
    $hits = served(60);
    is scalar(grep { $old{$_} } keys %$hits), 0, "reload $turn: the new workers serve";
}
my $result = $load->stop;
is $result->{failures}, 0, "none of $result->{requests} requests was lost"
    or diag explain $result->{text};
ok wait_until(sub { memcached->stat('curr_connections') - $before <= WORKERS * CONNECTIONS }),
    'the old workers have closed their connections';
$nginx->finish;

done_testing;
