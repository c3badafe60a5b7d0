package RustPageCache::Client;

# A client that sends exactly the bytes it is given and reads responses one at a
# time, so that raw targets, pipelining and early leavers can be told apart.

use v5.32;
use warnings;
use experimental 'signatures';

use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

use constant PATIENCE => $ENV{TEST_NGINX_PATIENCE} // 10;

# from => the client's own address
sub connect ($class, $port, $host = '127.0.0.1', %options) {
    my @from   = $options{from} ? (LocalAddr => $options{from}) : ();
    my $socket = IO::Socket::INET->new(
        PeerAddr => $host,
        PeerPort => $port,
        Timeout  => PATIENCE,
        @from,
    ) or die "connect to $host:$port: $!\n";
    binmode $socket;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    return bless {socket => $socket, buffer => ''}, $class;
}

sub socket ($self) { return $self->{socket} }

sub send ($self, $bytes) {
    local $SIG{PIPE} = 'IGNORE';
    my $offset = 0;
    while ($offset < length $bytes) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $offset, $offset;
        return $self if !defined $n;    # the peer left; what it sent can still be read
        $offset += $n;
    }
    return $self;
}

# Leaves at once (RST), as a browser does that is closed.
sub abort ($self) {
    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    close $self->{socket};
    return;
}

sub close ($self) { CORE::close($self->{socket}); return }

# True if the server has closed the connection, false if it is silent for so long.
sub closed ($self, $seconds = PATIENCE) {
    return $self->{buffer} eq '' && !defined $self->fill(time + $seconds) && $self->{eof};
}

# The next response; undef if the connection ends or nothing comes before one is
# complete. `head` tells that no body follows the headers.
sub response ($self, %options) {
    my $end = time + ($options{patience} // PATIENCE);
    while ($self->{buffer} !~ /\r\n\r\n/) {
        defined $self->fill($end) or return;
    }
    my ($head) = $self->{buffer} =~ /\A(.*?\r\n)\r\n/s;
    substr($self->{buffer}, 0, length($head) + 2, '');
    my ($status_line, @lines) = split /\r\n/, $head;
    my ($version, $status, $reason) = $status_line =~ m{\A(HTTP/\d\.\d) (\d{3}) ?(.*)\z} or return;
    my $response = bless {
        version => $version,
        status  => $status,
        reason  => $reason,
        head    => $head,
        headers => [map { [split /:\s*/, $_, 2] } @lines],
        body    => '',
    }, 'RustPageCache::Response';
    return $self->response(%options) if $status =~ /^1/;
    return $response if $options{head} || $status =~ /^(?:204|304)$/;

    if (($response->header('Transfer-Encoding') // '') eq 'chunked') {
        $response->{body} = $self->chunks($end) // return;
    }
    elsif (defined(my $length = $response->header('Content-Length'))) {
        $response->{body} = $self->bytes($length, $end) // return;
    }
    else {
        1 while defined $self->fill($end);
        $response->{body} = substr $self->{buffer}, 0, length $self->{buffer}, '';
    }
    return $response;
}

sub bytes ($self, $length, $end) {
    while (length $self->{buffer} < $length) {
        defined $self->fill($end) or return;
    }
    return substr $self->{buffer}, 0, $length, '';
}

sub chunks ($self, $end) {
    my $body = '';
    while (1) {
        while ($self->{buffer} !~ /\A[0-9a-fA-F]+\r\n/) {
            defined $self->fill($end) or return;
        }
        my ($line) = $self->{buffer} =~ /\A([0-9a-fA-F]+)\r\n/;
        substr $self->{buffer}, 0, length($line) + 2, '';
        my $chunk = $self->bytes(hex($line) + 2, $end) // return;
        substr $chunk, -2, 2, '';
        $body .= $chunk;
        return $body if hex($line) == 0;
    }
}

# Reads once; undef at the end of the connection or of the patience.
sub fill ($self, $end) {
    my $left = $end - time;
    return if $left <= 0 || $self->{eof};
    IO::Select->new($self->{socket})->can_read($left) or return;
    my $n = sysread $self->{socket}, $self->{buffer}, 65_536, length $self->{buffer};
    return $n if $n;
    $self->{eof} = 1;
    return;
}

# A GET as bytes; headers as name => value pairs.
sub get ($target, @headers) { return message('GET', $target, '', @headers) }

sub message ($method, $target, $body, @headers) {
    my %given;
    my $text = "$method $target HTTP/1.1\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) {
        $given{lc $name} = 1;
        $text .= "$name: $value\r\n" if defined $value;
    }
    $text .= "Host: localhost\r\n"   unless $given{host};
    $text .= "Connection: close\r\n" unless $given{connection};
    $text .= 'Content-Length: ' . length($body) . "\r\n"
        if length $body && !$given{'content-length'} && !$given{'transfer-encoding'};
    return "$text\r\n$body";
}

package RustPageCache::Response;

sub status ($self)  { return $self->{status} }
sub version ($self) { return $self->{version} }
sub body ($self)    { return $self->{body} }
sub head ($self)    { return $self->{head} }

# All fields of a name, joined as RFC 9110 section 5.2 joins them; undef if none.
sub header ($self, $name) {
    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name } @{$self->{headers}};
    return @values ? join ', ', @values : undef;
}

# What the cache says of the request: "HIT", "MISS absent", ...
sub cache ($self) {
    return join ' ', grep { defined && length }
        map { $self->header($_) } qw(X-Cache X-Cache-Reason);
}

1;
