package RustPageCache::App;

# The application behind the cache: it answers with what it was sent, byte for
# byte, and writes down every request, so that a test can tell what arrived.
#
#   /_status/NNN     answers with that status
#   /_accel/PATH     answers with X-Accel-Redirect: /PATH
#   anything else    200

use v5.32;
use warnings;
use experimental 'signatures';

use Fcntl qw(O_APPEND O_CREAT O_WRONLY);
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(decode_base64 encode_base64);
use POSIX ();

use RustPageCache::Ports qw(free_port listen_on);
use RustPageCache::Process qw(fork_child);

sub start ($class, %options) {
    my $self = bless {port => free_port, journal => "$options{dir}/app.journal"}, $class;
    my $server = listen_on($self->{port}) or die "app: $!\n";
    open my $touch, '>', $self->{journal} or die "$self->{journal}: $!\n";
    $self->{pid} = fork_child(sub {
        $SIG{CHLD} = 'IGNORE';
        while (1) {
            my $client = $server->accept or next;
            next if fork;
            serve($client, $self->{journal});
            POSIX::_exit(0);
        }
    });
    return $self;
}

sub port ($self) { return $self->{port} }

# What has arrived: hashes of method, target, headers (the raw lines) and body.
sub requests ($self) {
    open my $in, '<:raw', $self->{journal} or die "$self->{journal}: $!\n";
    return map { $_->{body} = decode_base64($_->{body}); $_ } map { decode_json($_) } <$in>;
}

# The last of them; an empty hash if none has arrived.
sub last ($self) { return ($self->requests)[-1] // {} }

sub forget ($self) { truncate $self->{journal}, 0; return $self }

sub serve ($client, $journal) {
    while (defined(my $line = <$client>)) {
        my ($method, $target, $version) = $line =~ m{^(\S+) (\S+) HTTP/(\d\.\d)\r\n$} or return;
        my @headers;
        while (defined(my $header = <$client>)) {
            last if $header eq "\r\n";
            push @headers, $header =~ s/\r\n$//r;
        }
        my $body = read_body($client, @headers);
        record($journal, $method, $target, $body, @headers);
        my $keep = $version eq '1.1' && !grep { /^connection:\s*close/i } @headers;
        answer($client, $method, $target, $body, $keep);
        return unless $keep;
    }
    return;
}

sub read_body ($client, @headers) {
    my ($length) = map { /^content-length:\s*(\d+)/i ? $1 : () } @headers;
    my $body = '';
    if (grep { /^transfer-encoding:\s*chunked/i } @headers) {
        while (defined(my $line = <$client>)) {
            my $size = hex $line;
            read $client, $body, $size, length $body;
            <$client>;
            last if !$size;
        }
    }
    elsif ($length) {
        read $client, $body, $length;
    }
    return $body;
}

sub record ($journal, $method, $target, $body, @headers) {
    my $entry = encode_json({
        method  => $method,
        target  => $target,
        headers => \@headers,
        body    => encode_base64($body, ''),
    });
    # One short write in append mode, so that the children do not mix their lines.
    sysopen my $out, $journal, O_WRONLY | O_APPEND | O_CREAT or return;
    syswrite $out, "$entry\n";
    return;
}

sub answer ($client, $method, $target, $body, $keep) {
    my $status = $target =~ m{^/_status/(\d{3})} ? $1 : 200;
    my $text   = "app $method $target\n$body";
    my @head   = (
        "HTTP/1.1 $status " . ($status == 200 ? 'OK' : 'As Asked'),
        'Content-Type: text/plain',
        'Content-Length: ' . length $text,
        "X-App: $method $target",
        'Connection: ' . ($keep ? 'keep-alive' : 'close'),
    );
    push @head, "X-Accel-Redirect: /$1" if $target =~ m{^/_accel/(.*)};
    my $whole = join("\r\n", @head) . "\r\n\r\n" . ($method eq 'HEAD' ? '' : $text);
    print {$client} $whole;
    $client->flush;
    return;
}

1;
