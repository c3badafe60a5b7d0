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

use constant MIB => 1024;

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
        $options{filter}
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

# Twenty connections of HTTP/2 with closed windows, 120 streams each.
for my $row (['memcached', '/plain'], ['redis', '/plain'], ['memcached', '/inflated']) {
    my ($name, $path) = @$row;
    my $nginx = start($store{$name}, listen => 'http2', filter => '');
    my $first = RustPageCache::Http2->connect($nginx->port);
    is md5_hex($first->body($first->get($path))), md5_hex($page), "$name $path: a first client";
    my ($worker) = $nginx->all_worker_pids;
    my $before = memory($worker);
    my (@connections, @streams);
    for (1 .. 20) {
        push @connections, RustPageCache::Http2->connect($nginx->port, window => 0);
        my $connection = $connections[-1];
        push @streams, [map { $connection->get($path) } 1 .. 120];
        # Each of them is answered, and then waits for its window.
        my $answered = grep { $connection->headed($_) } @{$streams[-1]};
        is $answered, 120, "$name $path: all streams are answered" if $answered != 120;
    }
    my $more = memory($worker) - $before;
    cmp_ok $more, '<', 16 * MIB, "$name $path: 2,400 closed windows ($before KiB, $more more)";

    # And they were not turned away.
    $connections[7]->open_windows;
    my $right = grep { md5_hex($connections[7]->body($_)) eq md5_hex($page) } @{$streams[7]};
    is $right, 120, "$name $path: all of a connection's get the page in the end";
    $_->close for $first, @connections;
    $nginx->finish("$name $path");
}

# Three hundred clients of HTTP/1 that do not read, of a page that the kernel does not take.
my $large = page(7_800_000);
for my $name (sort keys %store) {
    $store{$name}->set('/large', $large);
    my $nginx = start($store{$name}, listen => 'sndbuf=64k', filter => '');
    is md5_hex($nginx->get('/large')->body), md5_hex($large), "$name: a large page";
    my ($worker) = $nginx->all_worker_pids;
    my $before  = memory($worker);
    my @clients = map { $nginx->client } 1 .. 300;
    for my $client (@clients) {
        $client->send(RustPageCache::Client::get('/large'));
        # Its first bytes have come.
        defined $client->fill(time + 20) or fail("$name: a client is not answered");
    }
    my $more = memory($worker) - $before;
    cmp_ok $more, '<', 64 * MIB, "$name: 300 clients that do not read ($before KiB, $more more)";
    is md5_hex($clients[$_]->response(patience => 20)->body), md5_hex($large), "$name: client $_ reads on"
        for 0, 150, 299;
    $_->abort for @clients;
    $nginx->finish($name);
}

done_testing;
