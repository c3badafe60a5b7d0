package RustPageCache::Http2;

# As much of an HTTP/2 client (RFC 9113, without TLS) as it takes to have many
# streams in flight over one connection and to give some of them up. Of the
# responses only the bodies are read; curl tests the headers.

use v5.32;
use warnings;
use experimental 'signatures';

use RustPageCache::Client;
use Time::HiRes qw(time);

use constant PATIENCE => $ENV{TEST_NGINX_PATIENCE} // 10;
use constant {
    DATA          => 0,
    HEADERS       => 1,
    RST_STREAM    => 3,
    SETTINGS      => 4,
    PING          => 6,
    GOAWAY        => 7,
    WINDOW_UPDATE => 8,
    END_STREAM    => 0x1,
    ACK           => 0x1,
    END_HEADERS   => 0x4,
    CANCEL        => 0x8,
};

# window => how many bytes of each stream may come before `open_windows`
sub connect ($class, $port, %options) {
    my $self = bless {
        client => RustPageCache::Client->connect($port),
        next   => 1,
        body   => {},
        headed => {},
        done   => {},
    }, $class;
    # A window so large that no stream ever waits for us.
    $self->{client}->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    $self->frame(SETTINGS, 0, 0, pack('nN', 4, $options{window} // 2**31 - 1));
    $self->frame(WINDOW_UPDATE, 0, 0, pack('N', 2**31 - 65_536));
    return $self;
}

# Lets all that waits for a window come.
sub open_windows ($self) { return $self->frame(SETTINGS, 0, 0, pack('nN', 4, 2**31 - 1)) }

# True once the header of a response has come.
sub headed ($self, $stream, $patience = PATIENCE) {
    my $end = time + $patience;
    until ($self->{headed}{$stream}) {
        $self->read_frame($end) or return;
    }
    return 1;
}

# Sends a GET and returns the number of its stream.
sub get ($self, $path) {
    my $stream = $self->{next};
    $self->{next} += 2;
    my %field = (
        ':method'    => 'GET',
        ':scheme'    => 'http',
        ':path'      => $path,
        ':authority' => 'localhost',
    );
    # Literal fields without indexing, new names, no Huffman coding (RFC 7541,
    # section 6.2.2).
    my $block = join '', map { "\0" . chr(length $_) . $_ . chr(length $field{$_}) . $field{$_} }
        sort keys %field;
    $self->frame(HEADERS, END_HEADERS | END_STREAM, $stream, $block);
    return $stream;
}

# Gives a stream up, as a browser does that goes elsewhere.
sub cancel ($self, $stream) {
    return $self->frame(RST_STREAM, 0, $stream, pack('N', CANCEL));
}

sub close ($self) { return $self->{client}->abort }

# The body of a stream once it is complete; undef if it does not come.
sub body ($self, $stream, $patience = PATIENCE) {
    my $end = time + $patience;
    until ($self->{done}{$stream}) {
        $self->read_frame($end) or return;
    }
    return $self->{body}{$stream} // '';
}

sub frame ($self, $type, $flags, $stream, $payload) {
    my $length = length $payload;
    $self->{client}->send(pack('CnCCN', $length >> 16, $length & 0xffff, $type, $flags, $stream)
            . $payload);
    return $self;
}

sub read_frame ($self, $end) {
    my $head = $self->{client}->bytes(9, $end) // return;
    my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $head;
    my $payload = $self->{client}->bytes($high << 16 | $low, $end) // return;
    if    ($type == SETTINGS && !($flags & ACK)) { $self->frame(SETTINGS, ACK, 0, '') }
    elsif ($type == PING && !($flags & ACK))     { $self->frame(PING, ACK, 0, $payload) }
    elsif ($type == DATA)                        { $self->{body}{$stream} .= $payload }
    elsif ($type == HEADERS)                     { $self->{headed}{$stream} = 1 }
    elsif ($type == GOAWAY)                      { return }
    $self->{done}{$stream} = 1
        if $type == RST_STREAM || ($type <= HEADERS && $flags & END_STREAM);
    return 1;
}

1;
