# worker_shutdown_timeout: an old worker goes in time, whatever its look-ups wait for.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use IO::Socket::INET;
use RustPageCache;
use RustPageCache::Holding;
use RustPageCache::Ports qw(listen_on);
use Time::HiRes qw(sleep time);

my $holding = RustPageCache::Holding->start(dir => scratch);
my $locked  = fake_redis(sub ($c, $key) { }, handshake => sub ($c, @) { $c->stall });
my $gone    = free_port;

# Nobody accepts here, and no more connections fit into the queue: connect() hangs.
my $full    = free_port;
my $queue   = listen_on($full, 0);
my @waiting = map {
    IO::Socket::INET->new(PeerAddr => "127.0.0.1:$full", Blocking => 0)
} 1 .. 4;
memcached->set('/idle', "stored\n");
redis->set('/redis', "stored\n");

sub configuration ($how, $time = '1s') {
    return (
        main   => "worker_shutdown_timeout $time;",
        server => <<"CONF",
    rust_page_cache_timeout 60s;
    rust_page_cache_connect_timeout 60s;
    add_header X-Cache \$rust_page_cache_status;
    add_header X-Configuration $how;
    location /hold {
        rust_page_cache @{[$holding->uri]} key=raw;
    }
    location /locked {
        rust_page_cache redis://:password\@@{[$locked->address]} key=raw;
    }
    location /full {
        rust_page_cache memcached://127.0.0.1:$full key=raw;
    }
    location /gone {
        rust_page_cache memcached://127.0.0.1:$gone key=raw;
    }
    location /idle {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw;
    }
    location \@django {
        return 200 fallback;
    }
CONF
    );
}

my $nginx = nginx(workers => 2, errors => ["127.0.0.1:$gone"], configuration('old'));

# Of everything that a worker can have: idle connections, a server that is probed, look-ups that
# wait for a reply, for a store to let them in, and for a connection.
sub settle () {
    $nginx->get($_) for ('/idle', '/redis', '/gone') x 6;
    my @clients = map { $nginx->client->send(RustPageCache::Client::get($_)) }
        map { ("/hold/$_", "/locked/$_", "/full/$_") } 1 .. 20;
    ok wait_until(sub { $holding->asked >= 20 && $locked->commands }), 'the stores are asked';
    return @clients;
}

my @clients = settle();
my $asked   = $holding->connections + $locked->connections;
my $begin   = time;
$nginx->write(configuration('new'));
ok $nginx->reload, 'the workers are replaced';
is $nginx->get("/idle")->header("X-Configuration"), "new", "the new ones serve";
ok wait_until(sub { !$nginx->leaving }), 'the old workers end';
my $took = time - $begin;
cmp_ok $took, '<', 4, 'in time';
cmp_ok $took, '>', 0.9, 'but not before: look-ups were under way';
is scalar(grep { $_->response } @clients), 0, 'nginx has closed their connections';
is $nginx->get('/idle')->cache, 'HIT', 'the new ones serve';
is $holding->connections + $locked->connections, $asked, 'nobody has connected once more';

# Those who have their answer in time get it from the old workers.
$nginx->write(configuration('patient', '60s'));
ok $nginx->reload, 'the workers are replaced';
$holding->forget;
@clients = map { $nginx->client->send(RustPageCache::Client::get("/hold/again/$_")) } 1 .. 20;
ok wait_until(sub { $holding->asked >= 20 }), 'the store is asked';
$nginx->write(configuration('new'));
ok $nginx->reload, 'the workers are replaced once more';
$holding->release;
is scalar(grep { $_ && $_->cache eq "HIT" } map { $_->response } @clients), 20, 'all have their answer';
ok wait_until(sub { !$nginx->leaving }), 'the old workers end';

# The same at the end of all.
$holding->hold->forget;
@clients = settle();
$begin   = time;
$nginx->finish;
cmp_ok time - $begin, '<', 4, 'QUIT: in time';

done_testing;
