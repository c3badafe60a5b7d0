# A client that leaves while its look-up is under way costs nothing.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Http2;
use Time::HiRes qw(sleep);

my $slow = fake_memcached(sub ($c, $key) {
    $c->pause(0.15) if $key =~ /slow/;
    $c->value($key, "page $key\n");
});
my $redis = fake_redis(
    sub ($c, $key) { $c->bulk("page $key\n") },
    handshake => sub ($c, @words) { $c->pause(0.3)->send("+OK\r\n") },
);

for my $listen ('', 'http2') {
    my $name  = $listen || 'http/1.1';
    my $nginx = nginx(
        listen => $listen,
        http   => <<'CONF',
    log_format cache '$status $request_uri';
    access_log access.log cache;
CONF
        server => <<"CONF",
    rust_page_cache_timeout 3s;
    rust_page_cache_connect_timeout 3s;
    rust_page_cache_connections 1;
    location / {
        rust_page_cache @{[$slow->uri]} key=raw;
    }
    location /redis {
        rust_page_cache redis://:password\@@{[$redis->address]} key=raw;
    }
    location \@django {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF
    );
    my $leave = $listen ? \&leave_stream : \&leave_connection;
    my $get   = $listen ? \&get_http2    : sub ($nginx, $path) { $nginx->get($path)->body };
    app->forget;

    # In the handshake, and then after it.
    $leave->($nginx, '/redis/left');
    is $get->($nginx, '/redis/next'), "page /redis/next\n", "$name: leaving while the store lets us in";

    for my $turn (1 .. 3) {
        $leave->($nginx, "/slow/$turn");
        is $get->($nginx, "/quick/$turn"), "page /quick/$turn\n", "$name, $turn: the next gets its own";
    }

    # Many at once.
    $leave->($nginx, map { "/slow/$_" } 1 .. 10);
    is $get->($nginx, '/quick/last'), "page /quick/last\n", "$name: and after many who left";
    is scalar(() = app->requests), 0, "$name: no fallback is asked for them";

    my $log = wait_until(sub { my $l = $nginx->read_file('access.log'); $l =~ m{499 /slow/3} && $l });
    like $log // '', qr{^499 /slow/1$}m, "$name: nginx has noticed that they left";
    $nginx->finish($name);
}

sub leave_connection ($nginx, @paths) {
    my @clients = map { $nginx->client->send(RustPageCache::Client::get($_)) } @paths;
    sleep 0.05;
    $_->abort for @clients;
    return;
}

# Half of them by giving up a stream, half by leaving altogether.
sub leave_stream ($nginx, @paths) {
    my $connection = RustPageCache::Http2->connect($nginx->port);
    my @streams    = map { $connection->get($_) } @paths;
    sleep 0.05;
    $connection->cancel($_) for @streams[0 .. $#streams / 2];
    sleep 0.05;
    $connection->close;
    return;
}

sub get_http2 ($nginx, $path) {
    my $connection = RustPageCache::Http2->connect($nginx->port);
    return $connection->body($connection->get($path));
}

done_testing;
