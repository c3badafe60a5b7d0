package RustPageCache::Ports;

# Free loopback ports. Each test process holds a block of twenty by a lock, so
# that files run side by side never fight over one; the blocks lie below the
# range from which the kernel takes the ports of outgoing connections.

use v5.32;
use warnings;
use experimental 'signatures';

use Exporter 'import';
use Fcntl qw(:DEFAULT :flock);
use File::Spec;
use IO::Socket::INET;
use Socket qw(SOMAXCONN);

our @EXPORT_OK = qw(free_port listen_on);

use constant { FIRST => 20_000, BLOCK => 20, BLOCKS => 600 };

my (@free, @locks);

# The port is free now, and no other test process will take it.
sub free_port () {
    for (1 .. BLOCKS) {
        take_block() if !@free;
        my $port  = shift @free;
        my $probe = listen_on($port) or next;
        close $probe;
        return $port;
    }
    die "no free port\n";
}

sub listen_on ($port, $backlog = SOMAXCONN) {
    return IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => $port,
        Proto     => 'tcp',
        Listen    => $backlog,
        ReuseAddr => 1,
    );
}

sub take_block () {
    my $dir = File::Spec->tmpdir . "/rust-page-cache-ports-$<";
    mkdir $dir, 0700;
    my $start = int rand BLOCKS;
    for my $i (0 .. BLOCKS - 1) {
        my $block = ($start + $i) % BLOCKS;
        sysopen my $lock, "$dir/$block", O_CREAT | O_RDWR, 0600 or die "$dir/$block: $!\n";
        next unless flock $lock, LOCK_EX | LOCK_NB;
        push @locks, $lock;
        push @free, map { FIRST + $block * BLOCK + $_ } 0 .. BLOCK - 1;
        return;
    }
    die "no free block of ports\n";
}

1;
