# Clients that do not read: equal pages are held once, however many there are.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django;
use RustPageCache::Http2;

use Digest::MD5 qw(md5_hex);

use Time::HiRes qw(time);

use constant { MIB => 1024, PATIENCE => 60 };

# Of a process, in KiB.
sub memory ($pid) {
    open my $in, '<', "/proc/$pid/status" or die "worker: $!\n";
    my ($kib) = map { /^VmRSS:\s+(\d+)/ ? $1 : () } <$in>;
    return $kib;
}

# Bytes without a period that a buffer's size could hide.
sub page ($length) {
    my $page = '';
    for (my $i = 0; length $page < $length; $i++) {
        $page .= md5_hex("$length/$i");
    }
    return substr $page, 0, $length;
}

sub start ($store, %options) {
    return nginx(connections => 2048, %options, server => <<"CONF");
    send_timeout 60s;
    rust_page_cache_timeout 20s;
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
    }
    location /nginx {
        return 200 "nginx itself\n";
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
}

my %store = (memcached => memcached, redis => redis);

# zlib, flag 8 of memcached: what is decoded is held once, too.
require Compress::Zlib;
my $page = page(500_000);
memcached->set('/inflated', Compress::Zlib::compress($page), 8);
$_->set('/plain', $page) for values %store;

# Twenty connections of HTTP/2 with closed windows, 120 streams each: by how much the worker
# grows, in KiB, and the connections with their streams.
sub crowd ($nginx, $path) {
    my ($worker) = $nginx->all_worker_pids;
    my $before = memory($worker);
    my @crowd;
    for (1 .. 20) {
        my $connection = RustPageCache::Http2->connect($nginx->port, window => 0);
        my @streams    = map { $connection->get($path) } 1 .. 120;
        # Each of them is answered, and then waits for its window.
        my $answered = grep { $connection->headed($_, PATIENCE) } @streams;
        fail("$path: $answered of 120 are answered") if $answered != 120;
        push @crowd, [$connection, @streams];
    }
    return memory($worker) - $before, @crowd;
}

# What nginx needs for as many streams that it answers itself: two blocks of a pool each.
my $bare = start(memcached, listen => 'http2');
my ($own, @own) = crowd($bare, '/nginx');
note "nginx itself grows by $own KiB";
$_->[0]->close for @own;
$bare->finish('nginx itself');

for my $row (['memcached', '/plain'], ['redis', '/plain'], ['memcached', '/inflated']) {
    my ($name, $path) = @$row;
    my $nginx = start($store{$name}, listen => 'http2');
    my $first = RustPageCache::Http2->connect($nginx->port);
    is md5_hex($first->body($first->get($path))), md5_hex($page), "$name $path: a first client";
    my ($more, @crowd) = crowd($nginx, $path);
    cmp_ok $more - $own, '<', 16 * MIB, "$name $path: 2,400 closed windows ($more KiB more)";

    # And they were not turned away.
    my ($connection, @streams) = @{$crowd[7]};
    $connection->open_windows;
    my $right = grep { md5_hex($connection->body($_)) eq md5_hex($page) } @streams;
    is $right, 120, "$name $path: all of a connection's get the page in the end";
    $_->close for $first, map { $_->[0] } @crowd;
    $nginx->finish("$name $path");
}

# Three hundred clients of HTTP/1 that do not read, of a page that the kernel does not take.
my $large = page(7_800_000);
for my $name (sort keys %store) {
    $store{$name}->set('/large', $large);
    my $nginx = start($store{$name}, listen => 'sndbuf=64k');
    is md5_hex($nginx->get('/large')->body), md5_hex($large), "$name: a large page";
    my ($worker) = $nginx->all_worker_pids;
    my $before  = memory($worker);
    my @clients = map { $nginx->client } 1 .. 300;
    for my $client (@clients) {
        $client->send(RustPageCache::Client::get('/large'));
        # Its first bytes have come.
        defined $client->fill(time + PATIENCE) or fail("$name: a client is not answered");
    }
    my $more = memory($worker) - $before;
    cmp_ok $more, '<', 64 * MIB, "$name: 300 clients that do not read ($before KiB, $more more)";
    is md5_hex($clients[$_]->response(patience => PATIENCE)->body), md5_hex($large), "$name: client $_ reads on"
        for 0, 150, 299;
    $_->abort for @clients;
    $nginx->finish($name);
}

done_testing;
