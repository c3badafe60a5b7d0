# A store that hangs up, in every place where it can.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $whole = "stored\n";
my $reply = sub ($key) { "VALUE $key 0 7\r\n$whole\r\nEND\r\n" };

my %store = (
    'closes at once'       => fake_server(sub ($c) { $c->close }, scheme => 'memcached'),
    'resets at once'       => fake_server(sub ($c) { $c->reset }, scheme => 'memcached'),
    'resets when asked'    => fake_memcached(sub ($c, $key) { $c->reset }),
    'Redis closes when asked' => fake_redis(sub ($c, $key) { $c->close }),
    'Redis closes half-way'   => fake_redis(sub ($c, $key) { $c->send("\$7\r\nsto")->close }),
    'Redis resets half-way'   => fake_redis(sub ($c, $key) { $c->send("\$7\r\nsto")->reset }),
    'Redis closes before the last LF' =>
        fake_redis(sub ($c, $key) { $c->send("\$7\r\n$whole\r")->close }),
    'Redis closes while it lets in' => fake_redis(
        sub ($c, $key) { $c->bulk($whole) },
        handshake => sub ($c, @words) { $c->close },
    ),
);
# A reply cut at any place: in the line, at its end, in the data, in the trailer.
for my $length (0, 1, 6, 13, 15, 16, 20, 23, 24, 25, 28, 29) {
    $store{"closes after $length bytes"} = fake_memcached(
        sub ($c, $key) { $c->send(substr $reply->($key), 0, $length)->close });
}

for my $name (sort keys %store) {
    my $store = $store{$name};
    my $uri   = $store->uri . ($name =~ /lets in/ ? '/3' : '');
    my $nginx = nginx(
        errors => [$store->address],
        server => <<"CONF",
    location / {
        rust_page_cache $uri key=raw uri=/page;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    for my $turn (1 .. 5) {
        my $response = $nginx->get('/page');
        # Who hangs up at once may do so before the connection is seen to be there.
        my $reason = $name =~ /at once/ ? 'closed|connect' : 'closed';
        $reason .= '|down' if $turn > 1;
        like $response->cache, qr/^ERROR (?:$reason)$/, "$name, $turn: an error";
        is $response->body, "fallback\n", "$name, $turn: the fallback answers";
    }
    cmp_ok scalar(() = $nginx->log_lines('\[(?:error|crit|alert)\]')), '<=', 2, "$name: no line per request";
    $nginx->finish($name);
}

# One that closes after each reply has done nothing wrong.
my $polite = fake_memcached(sub ($c, $key) { $c->value($key, $whole)->close });
my $nginx  = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[$polite->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
for my $turn (1 .. 10) {
    my $response = $nginx->get('/page');
    is $response->cache, 'HIT', "closes after each reply, $turn: a hit";
    is $response->body, $whole, "closes after each reply, $turn: the page";
}
$nginx->finish('closes after each reply');

# And a look-up to which a connection ends without a byte goes over a new one.
my $count  = 0;
my $fickle = fake_memcached(sub ($c, $key) {
    $c->close if $count++ == 1;
    $c->value($key, $whole);
});
$nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[$fickle->uri]} key=raw;
        rust_page_cache_connections 1;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
for my $turn (1 .. 10) {
    is $nginx->get('/page')->cache, 'HIT', "closes instead of the second reply, $turn: tried once more";
}
$nginx->finish('closes instead of the second reply');

done_testing;
