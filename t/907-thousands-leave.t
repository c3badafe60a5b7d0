# Thousands of clients that leave while their look-ups are under way leave nothing behind.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Holding;
use RustPageCache::Http2;

use constant { CROWD => 400, ROUNDS => 6, STREAMS => 100 };

my $holding = RustPageCache::Holding->start(dir => scratch);

# Of a process, in KiB.
sub memory ($pid) {
    open my $in, '<', "/proc/$pid/status" or die "worker: $!\n";
    my ($kib) = map { /^VmRSS:\s+(\d+)/ ? $1 : () } <$in>;
    return $kib;
}

# Leaves by RST, and what else a client may do.
my @leave = (
    sub ($client) { $client->abort },
    sub ($client) { $client->close },
    sub ($client) { $client->send("GET /pipelined HTTP/1.1\r\nHost: localhost\r\n\r\n")->abort },
);


# Both send look-ups and return what makes their clients leave.
sub http1 ($nginx, $round) {
    my @clients = map { $nginx->client } 1 .. CROWD;
    $clients[$_]->send(RustPageCache::Client::get("/hold/$round/$_")) for 0 .. $#clients;
    return sub { $leave[$_ % @leave]->($clients[$_]) for 0 .. $#clients };
}

sub http2 ($nginx, $round) {
    my @connections = map { RustPageCache::Http2->connect($nginx->port) } 1 .. CROWD / STREAMS;
    my @streams;
    for my $i (0 .. $#connections) {
        push @streams, map { [$connections[$i], $connections[$i]->get("/hold/$round/$i/$_")] }
            1 .. STREAMS;
    }
    return sub {
        # Half of the streams are given up, the others go with their connection.
        $_->[0]->cancel($_->[1]) for @streams[0 .. CROWD / 2 - 1];
        $_->close for @connections;
    };
}

sub get ($nginx, $path) {
    return $nginx->get($path)->body if !$nginx->{listen};
    my $connection = RustPageCache::Http2->connect($nginx->port);
    return $connection->body($connection->get($path));
}

for my $listen ('', 'http2') {
    my $name  = $listen || 'http/1.1';
    my $crowd = $listen ? \&http2 : \&http1;
    my $nginx = nginx(connections => 1024, listen => $listen, server => <<"CONF");
    rust_page_cache_timeout 60s;
    location / {
        rust_page_cache @{[$holding->uri]} key=raw;
    }
    location \@django {
        return 200 fallback;
    }
CONF
    get($nginx, '/first');
    my ($worker) = $nginx->all_worker_pids;
    # Two connections to the store, and no client.
    my $idle = $nginx->descriptors + 1;
    my $memory;
    for my $round (1 .. ROUNDS) {
        $holding->hold->forget;
        my $leave = $crowd->($nginx, $round);
        wait_until(sub { $holding->asked >= CROWD }) or fail("$name, $round: the store is asked");
        $leave->();
        ok wait_until(sub { $nginx->descriptors <= $idle }), "$name, $round: no descriptor is left open";
        $holding->release;
        is get($nginx, '/next'), 'fallback', "$name, $round: who comes next is served";
        # The first rounds show what it needs.
        $memory = memory($worker) if $round == 2;
    }
    my $more = memory($worker) - $memory;
    cmp_ok $more, '<', 1_024, "$name: no memory is lost ($memory KiB, $more more)";
    $nginx->finish($name);
}

done_testing;
