# `server NAME resolve` (nginx 1.27.3): a server that the name leads to no more is left alone, and
# whoever has its address by then is told no password.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Process qw(fork_child);

use IO::Socket::INET;
use Time::HiRes qw(sleep);

my ($major, $minor, $patch) = qx(@{[nginx_binary]} -v 2>&1) =~ m{nginx/(\d+)\.(\d+)\.(\d+)};
plan skip_all => "nginx $major.$minor.$patch does not resolve names at run time"
    if $major * 1e6 + $minor * 1e3 + $patch < 1_027_003;

# A name server that knows one address, which a file holds: as much of RFC 1035 as nginx's resolver asks.
my ($dns_port, $file) = (free_port, scratch . '/address');

sub move_to ($address) {
    open my $out, '>', "$file.new" or die "$file: $!\n";
    print {$out} $address;
    close $out or die "$file: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
    return;
}

sub answer ($query) {
    my ($id, $flags) = unpack 'nn', $query;
    my $question = substr $query, 12;
    my ($name) = $question =~ /\A((?:[\x01-\x3f][^\0]*)?\0)/s;
    my ($type) = unpack 'n', substr $question, length $name;
    $question = substr $question, 0, length($name) + 4;
    open my $in, '<', $file or die "$file: $!\n";
    my $address = pack 'C4', split /\./, <$in>;
    # For one second; nothing of other types.
    my $record = $type == 1 ? pack 'nnnNn/a*', 0xc00c, 1, 1, 1, $address : '';
    return pack('n6', $id, 0x8180, 1, length $record ? 1 : 0, 0, 0) . $question . $record;
}

move_to('127.0.0.1');
my $dns = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $dns_port, Proto => 'udp')
    or die "name server: $!\n";
fork_child(sub {
    while (my $peer = $dns->recv(my $query, 512)) { $dns->send(answer($query), 0, $peer) }
});

my $first = RustPageCache::Redis->start(dir => scratch, name => 'first', password => 'sesame');
my $second = RustPageCache::Redis->start(
    dir => scratch, name => 'second', password => 'sesame', port => $first->port, host => '127.0.0.2',
);
$first->set('/page', "first\n");
$second->set('/page', "second\n");

my $nginx = nginx(
    errors => ['rust_page_cache: redis ' . $first->address . ' is down'],
    http   => <<"CONF",
    resolver 127.0.0.1:$dns_port valid=1s ipv6=off;
    upstream pages {
        zone pages 64k;
        server store.test:@{[$first->port]} resolve max_fails=0;
    }
CONF
    server => <<'CONF',
    location / {
        rust_page_cache redis://:sesame@pages key=raw;
    }
    location @django {
        return 200 "fallback\n";
    }
CONF
);
ok wait_until(sub { $nginx->get('/page')->body eq "first\n" }), 'the name is resolved';
$first->stop;
ok wait_until(sub { $nginx->get('/page')->cache eq 'ERROR down' }), 'the server dies';
move_to('127.0.0.2');
ok wait_until(sub { $nginx->get('/page')->body eq "second\n" }), 'the name leads to another one';

# The address of the first has a new owner; a trial that was wanted before the name moved is over.
sleep 2;
my $stranger = fake_redis(sub ($c, $key) { $c->bulk("stranger\n") }, port => $first->port);
for (1 .. 40) {
    is $nginx->get('/page')->body, "second\n", 'the second answers';
    sleep 0.1;
}
is_deeply [$stranger->journal], [], 'nobody asks the stranger, or tells him the password';

# And back: asked again as soon as the name leads there.
move_to('127.0.0.1');
ok wait_until(sub { $nginx->get('/page')->body eq "stranger\n" }), 'until the name leads to him';
$nginx->finish;

done_testing;
